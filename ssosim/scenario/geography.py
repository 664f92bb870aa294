"""The geographic regions of Traffic Manager: which continent a country belongs to, and their names.

Source: Microsoft, Azure Traffic Manager, "Country/Region hierarchy used by Azure Traffic Manager for geographic traffic
routing method". A region is WORLD, a group such as GEO-EU, a country (ISO 3166-1), or a state such as US-CA.
"""

from __future__ import annotations

__all__ = ["GROUPS", "describe_region", "enclosing_regions"]

WORLD = "WORLD"

GROUPS = {
    "GEO-AF": "Africa",
    "GEO-AP": "Australia and Pacific",
    "GEO-AS": "Asia",
    "GEO-EU": "Europe",
    "GEO-ME": "Middle East",
    "GEO-NA": "North America",
    "GEO-SA": "South America",
}
"""The groups of countries, and their names. GEO-NA includes Central America and the Caribbean."""

_COUNTRIES = {
    "GEO-AF": "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU "
    "MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW",
    "GEO-AP": "AS AU CC CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS",
    "GEO-AS": "AF AM AZ BD BN BT CN GE HK ID IN IO JP KG KH KP KR KZ LA LK MM MN MO MV MY NP PH PK SG TH TJ TL TM "
    "TW UZ VN",
    "GEO-EU": "AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV "
    "MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XJ XK",
    "GEO-ME": "AE BH IL IQ IR JO KW LB OM PS QA SA SY TR YE",
    "GEO-NA": "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR "
    "SV SX TC TT US VC VG VI",
    "GEO-SA": "AR BO BR CL CO EC FK GF GY PE PY SR UY VE",
}
_GROUP_OF = {country: group for group, countries in _COUNTRIES.items() for country in countries.split()}


def enclosing_regions(region: str) -> tuple[str, ...]:
    """The region and the regions that contain it, the most specific first; WORLD is left out."""
    if region == WORLD:
        return ()
    found = [region]
    if "-" in region and region not in GROUPS:
        found.append(region.partition("-")[0])
    group = _GROUP_OF.get(found[-1])
    return (*found, group) if group is not None else tuple(found)


def describe_region(region: str) -> str:
    """The region for people: ``North America``, or ``DE (Europe)``."""
    if region in GROUPS:
        return GROUPS[region]
    group = GROUPS.get(enclosing_regions(region)[-1]) if region != WORLD else None
    return f"{region} ({group})" if group else region

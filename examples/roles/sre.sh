# An SRE with an estate of their own: is the file right, and who survives a short outage in it?
# reads: README.md#your-own-company README.md#commands docs/scenarios.md#what-is-expected
ssosim estate init mine.toml
sed -i 's/alice/carol/g' mine.toml
ssosim estate check mine.toml
ssosim run short-blip --estate mine.toml --client office --within 10m --max-rate 60/min

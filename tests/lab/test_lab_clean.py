"""``ssosim clean`` removes what ssosim made, all of it, and nothing else; a dry run lists the same."""

import json
import os
import subprocess
import sys

import pytest

THESIS = "the work of three years\n"


def clean_up(bench, *words, **options):
    """Run the command; return its exit code and its JSON output."""
    done = bench.run("clean", "--json", *words, **options)
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


def paths(rows):
    """Where."""
    return [row["path"] for row in rows]


@pytest.fixture
def stopped(bench):
    """Two labs that are stopped, and a folder and a file of the user's beside them."""
    for name in ("default", "blue"):
        assert bench.run("up", "-d", "--name", name).returncode == 0
        assert bench.run("down", "--name", name).returncode == 0
    for place in ("labs/mine", "cache/mine", "cache/realms/mine"):
        (bench.home / place).mkdir()
        (bench.home / place / "thesis.txt").write_text(THESIS)
    (bench.home / "labs/notes.txt").write_text(THESIS)
    return bench


def kept(bench):
    """The files of the user's that are still there."""
    return sorted(str(path.relative_to(bench.home)) for path in bench.home.rglob("*") if not path.is_dir())


MINE = ["cache/mine/thesis.txt", "cache/realms/mine/thesis.txt", "labs/mine/thesis.txt", "labs/notes.txt"]


@pytest.mark.parametrize("words", [[], ["--labs"], ["--caches"], ["--name", "blue"], ["--labs", "--caches"]])
def test_a_dry_run_lists_what_a_real_run_removes(stopped, words):
    """The same folders are listed, none is gone after the first, all are gone after the second."""
    before = kept(stopped)
    code, would, _ = clean_up(stopped, "--dry-run", *words)
    assert (code, kept(stopped)) == (0, before)
    code, did, _ = clean_up(stopped, *words)
    assert (code, did) == (0, would)
    assert did["removed"]
    assert not any(os.path.lexists(path) for path in paths(did["removed"]))
    assert set(MINE) <= set(kept(stopped))
    assert clean_up(stopped, *words)[1] == (None if "--name" in words else did | {"removed": []})


def test_by_default_all_folders_of_ssosim_are_removed(stopped):
    """Labs, databases and keys are removed; the user's folders and files stay and are listed with the reason."""
    code, did, _ = clean_up(stopped)
    assert code == 0
    assert {row["kind"] for row in did["removed"]} == {"lab", "realm", "keys"}
    assert kept(stopped) == MINE
    left = [str(stopped.home / name) for name in ("labs/mine", "labs/notes.txt", "cache/mine", "cache/realms/mine")]
    assert paths(did["left"]) == left
    assert all(row["reason"] for row in did["left"])


def test_only_what_is_asked_for_goes(stopped):
    """``--name`` removes one lab, ``--labs`` the labs, ``--caches`` the caches."""
    assert paths(clean_up(stopped, "--name", "blue")[1]["removed"]) == [str(stopped.home / "labs/blue")]
    assert paths(clean_up(stopped, "--labs")[1]["removed"]) == [str(stopped.home / "labs/default")]
    assert {row["kind"] for row in clean_up(stopped, "--caches")[1]["removed"]} == {"realm", "keys"}


def test_empty_parent_folders_are_removed(bench):
    """Parent folders that are empty are removed too; the state folder, which the user named, stays."""
    bench.run("up", "-d")
    bench.run("down")
    done = bench.run("clean")
    assert (done.returncode, list(bench.home.iterdir())) == (0, []), done.stderr
    assert bench.run("clean").stdout == "there is nothing to remove\n"
    assert bench.run("up", "-d").returncode == 0


def test_a_lab_that_runs_is_refused_by_name(stopped):
    """Exit code 2 and how to stop it; it goes on running. Where it is named, nothing at all is removed."""
    assert stopped.run("up", "-d").returncode == 0
    before = kept(stopped)
    done = stopped.run("clean", "--name", "blue", "--name", "default")
    assert (done.returncode, kept(stopped)) == (2, before)
    assert 'ssosim: "default": a lab that is up' in done.stderr
    assert "ssosim down --name default" in done.stderr
    code, did, error = clean_up(stopped, "--labs")
    assert (code, did["running"], paths(did["removed"])) == (2, ["default"], [str(stopped.home / "labs/blue")])
    assert "ssosim down --name default" in error
    assert stopped.run("exec", "--", "true").returncode == 0


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--name", "../x"], "use up to 32 letters"),
        (["--name", ""], "use up to 32 letters"),
        (["--name", "no-such"], 'no state of a lab "no-such"'),
        (["--name", "x", "--labs"], "--labs means all labs"),
    ],
)
def test_a_mistake_is_named(bench, words, what):
    """An unusable name, a lab that is not there, options that contradict each other: exit code 2."""
    done = bench.run("clean", *words)
    assert (done.returncode, what in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr


def test_links_are_listed_and_not_followed(stopped, tmp_path):
    """A link among labs or cache entries stays, and so does what it leads to."""
    (tmp_path / "thesis.txt").write_text(THESIS)
    for place in ("labs/link", "cache/link", "cache/realms/link"):
        (stopped.home / place).symlink_to(tmp_path)
    code, did, _ = clean_up(stopped)
    assert code == 0
    assert {str(stopped.home / place) for place in ("labs/link", "cache/link", "cache/realms/link")} <= set(
        paths(did["left"])
    )
    assert (tmp_path / "thesis.txt").read_text() == THESIS


def test_a_copy_of_a_lab_is_the_users(stopped):
    """Who copies a lab's folder to keep its trace keeps it, in the place of another lab as well."""
    subprocess.run(["cp", "-a", stopped.home / "labs/default", stopped.home / "labs/saved"], check=True)
    assert clean_up(stopped)[0] == 0
    assert "labs/saved/trace.jsonl" in kept(stopped)


def test_where_something_is_mounted_stays(stopped, tmp_path):
    """A lab folder with a mount in it is left, by the dry run too, with the place that is to be unmounted."""
    point = stopped.home / "labs/blue/a mount"
    point.mkdir()
    (tmp_path / "thesis.txt").write_text(THESIS)
    script = f'mount --bind "{tmp_path}" "{point}" && "$@" --dry-run && "$@"'
    own = [] if os.geteuid() == 0 else ["-r"]
    done = subprocess.run(
        ["unshare", *own, "-m", "sh", "-c", script, "sh", sys.executable, "-m", "ssosim", "clean", "--labs"],
        env=stopped.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"left {point.parent}: something is mounted at {point}") == 2
    assert (tmp_path / "thesis.txt").read_text() == THESIS


def test_what_was_left_half_made_goes_too(stopped):
    """A database that was being made when the process was killed is ours as well."""
    (realm,) = [path for path in (stopped.home / "cache/realms").iterdir() if path.name != "mine"]
    realm.rename(realm.with_name(f"{realm.name}.making-0123"))
    assert str(realm) + ".making-0123" in paths(clean_up(stopped, "--caches")[1]["removed"])


def test_a_cache_elsewhere_is_found(bench, tmp_path):
    """``$SSOSIM_CACHE`` is where labs keep what is slow to make, and what ``clean --caches`` empties."""
    env = {"SSOSIM_CACHE": str(tmp_path / "cache")}
    assert bench.run("up", "-d", env=env).returncode == 0
    assert bench.run("down", env=env).returncode == 0
    code, did, _ = clean_up(bench, "--caches", env=env)
    assert (code, {row["kind"] for row in did["removed"]}) == (0, {"realm", "keys"})
    assert all(path.startswith(str(tmp_path)) for path in paths(did["removed"]))


def test_clients_go_only_if_asked_for(bench, tmp_path):
    """Installed clients take minutes to make: they stay unless ``--clients`` is given, and then only ours go."""
    env = {"SSOSIM_CLIENTS_HOME": str(tmp_path / "clients")}
    source = tmp_path / "mine"
    source.mkdir()
    (source / "client.toml").write_text(
        'name = "mine"\ntitle = "Mine"\ninstall = [["touch", "made"]]\n'
        '[[flows]]\nname = "sign-in"\ntitle = "signs in"\nrun = ["true"]\n'
    )
    assert bench.run("clients", "--install", str(source), env=env).returncode == 0
    (home,) = (tmp_path / "clients").iterdir()
    (tmp_path / "clients/other").mkdir()
    (tmp_path / "clients/other/thesis.txt").write_text(THESIS)
    assert bench.run("clean", env=env).returncode == 0
    assert (home / "made").exists()
    assert bench.run("clean", "--clients", env=env).returncode == 0
    assert [path.name for path in (tmp_path / "clients").iterdir()] == ["other"]

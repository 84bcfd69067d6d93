"""Loading of plugins, whatever is wrong with them."""

from pathlib import Path

import pytest
from installed_plugins import BROKEN, PREAMBLE, PROVIDES, Install

from loopbench import plugins
from loopbench.contracts import Provider
from loopbench.errors import LoopbenchError
from loopbench.hub import build_model


def problems(distribution: str) -> list[str]:
    return [p for r in plugins.reports() if r.provider.distribution == distribution for p in r.problems]


def test_a_plugin_adds_an_architecture(install: Install) -> None:
    install("mine", PREAMBLE + PROVIDES.format("my-architecture"))
    assert plugins.get_architecture("my-architecture").summary == "for a test"
    assert plugins.architecture_provider("my-architecture") == Provider(distribution="mine", version="1.5")
    assert "my-architecture" in plugins.names("architecture")
    assert problems("mine") == []


def test_the_core_is_a_plugin_without_problems() -> None:
    assert problems("loopbench-zoo") == []
    assert plugins.architecture_provider("recall").distribution == "loopbench-zoo"
    assert plugins.get_task("prefix-sums").name in plugins.names("task")
    assert plugins.get_objective("progressive").name in plugins.names("objective")


def test_broken_plugins_are_reported_and_break_nothing_else(install: Install) -> None:
    for distribution, (source, _) in BROKEN.items():
        install(distribution, source)
    for distribution, (_, expected) in BROKEN.items():
        assert [expected in problem for problem in problems(distribution)] == [True], problems(distribution)
    assert problems("loopbench-zoo") == []
    for name in ("recall", "beside-misspelt", "beside-raises", "before-the-end", "beside-junk"):
        assert plugins.get_architecture(name).name == name
    assert "unbuilt" not in plugins.names("architecture")


def test_an_interrupt_while_loading_is_not_a_problem_of_the_plugin(install: Install) -> None:
    install("interrupted", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        plugins.reports()


def test_two_plugins_with_one_name(install: Install) -> None:
    install("first", PREAMBLE + PROVIDES.format("wanted"))
    install("second", PREAMBLE + PROVIDES.format("wanted") + "    yield architecture('other')")
    with pytest.raises(LoopbenchError, match=r"'wanted' is provided by first 1\.5 and second 1\.5; leave"):
        plugins.get_architecture("wanted")
    assert "wanted" not in plugins.names("architecture")
    assert plugins.get_architecture("other").name == "other"
    assert "provided by first 1.5 and second 1.5" in problems("first")[0]
    assert "provided by first 1.5 and second 1.5" in problems("second")[0]


def test_one_plugin_with_one_name_twice(install: Install) -> None:
    install("twice", PREAMBLE + PROVIDES.format("wanted") + "    yield architecture('wanted')")
    with pytest.raises(LoopbenchError, match=r"provided by twice 1\.5 and twice 1\.5"):
        plugins.get_architecture("wanted")


def test_an_unknown_name_is_one_line_with_close_matches(install: Install) -> None:
    with pytest.raises(LoopbenchError) as error:
        plugins.get_architecture("recal")
    assert str(error.value).startswith("unknown architecture 'recal'; did you mean 'recall'")
    assert "internal-recall-outer" in str(error.value)
    with pytest.raises(LoopbenchError, match=r"^unknown task 'recall'; known: "):
        plugins.get_task("recall")


def test_an_unknown_name_may_belong_to_a_broken_plugin(install: Install) -> None:
    install("broken", "raise ValueError('two\\nlines')")
    with pytest.raises(LoopbenchError, match=r"; plugin 'broken' failed to load: ValueError: two lines$"):
        plugins.get_objective("mine")


def test_what_a_plugin_prints_while_loading_stays_out_of_stdout(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(
        "chatty", PREAMBLE + "print('hello from the module')" + PROVIDES.format("mine") + "    print('and the hook')"
    )
    assert plugins.get_architecture("mine")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "hello from the module\nand the hook\n")


def test_an_architecture_that_builds_no_looped_model_is_one_line(install: Install) -> None:
    def source(name: str, built: str) -> str:
        return PREAMBLE.replace("raise NotImplementedError", f"return {built}") + PROVIDES.format(name)

    flat = "from loopbench.models.transformer import LoopedTransformer, LoopedTransformerConfig as Size\n"
    flat += "class Flat(LoopedTransformer):\n    layers_per_step = 0\n"
    install("flat", flat + source("flat", "Flat(shape, Size(width=8, heads=2, recall='none', norm='pre'))"))
    with pytest.raises(LoopbenchError, match=r"'flat' of flat 1\.5 builds a Flat with layers_per_step = 0; it must"):
        build_model("flat", {}, "prefix-sums")
    install("empty", source("empty", "None"))
    with pytest.raises(LoopbenchError, match="builds a NoneType with layers_per_step = None"):
        build_model("empty", {}, "prefix-sums")


def test_the_allow_list(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("One.Plugin", PREAMBLE + PROVIDES.format("one"))
    install("other", PREAMBLE + PROVIDES.format("two"))

    def allow(names: str) -> None:
        monkeypatch.setenv("LOOPBENCH_PLUGINS", names)
        plugins.reports.cache_clear()

    allow("one-plugin")
    assert plugins.get_architecture("one").name == "one"
    with pytest.raises(LoopbenchError, match="plugin 'other' is left out by LOOPBENCH_PLUGINS"):
        plugins.get_architecture("two")
    allow("")
    assert "one" not in plugins.names("architecture")
    assert plugins.get_architecture("recall").name == "recall"
    allow("one-plugin, othr")
    with pytest.raises(LoopbenchError, match=r"^LOOPBENCH_PLUGINS: unknown plugin 'othr'; did you mean 'other'"):
        plugins.get_architecture("recall")


def test_plugins_that_are_left_out_are_not_even_imported(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install("untrusted", f"open({str(tmp_path / 'proof')!r}, 'w')")
    monkeypatch.setenv("LOOPBENCH_PLUGINS", "")
    plugins.reports()
    assert not (tmp_path / "proof").exists()


def test_a_distribution_without_metadata_breaks_nothing(install: Install, tmp_path: Path) -> None:
    install("damaged", PREAMBLE + PROVIDES.format("from-damaged"))
    (tmp_path / "damaged-1.5.dist-info" / "METADATA").unlink()
    assert plugins.get_architecture("from-damaged").name == "from-damaged"
    assert plugins.architecture_provider("from-damaged") == Provider(distribution="anything", version="unknown")

"""The networks that commands ask, and what is odd about them."""

import pytest

from stgcn_torch.commands.networks import odd_centring, warn
from tests.unit.commands.test_input_source import network


def test_only_a_preprocessing_that_is_given_can_contradict_the_weights() -> None:
    ensemble = network(center=None)
    norm = ensemble.modules[0].backbone.data_bn
    norm.running_mean.view(25, 2)[:] = 0.3
    norm.running_mean.view(25, 2)[8] = 0
    norm.running_var.view(25, 2)[8] = 1e-6
    norm.num_batches_tracked += 500
    assert odd_centring(ensemble, {"nan": "missing"}) == []
    (line,) = odd_centring(ensemble, {"center": None})
    assert line.startswith("the weights were trained with MidHip at the origin")


def test_what_is_odd_is_said_on_stderr_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    warn("ask", ["one", "another"])
    assert capsys.readouterr().err == "ask: one\nask: another\n"

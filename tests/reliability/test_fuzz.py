"""A short run of the fuzz job; ``make fuzz`` does 5,000 files of each codec."""

from soak.fuzz import CODECS, fuzz


def test_damaged_files_end_in_reasons_not_in_trouble(tmp_path, capfd):
    ends = fuzz(tmp_path, tuple(CODECS), 60, seed=11)
    assert sum(ends.values()) == 300
    assert set(ends) <= {"ok", "undecodable", "truncated", "empty", "non_finite", "too_short", "too_long"}
    assert ends["truncated"] > 20
    assert ends["undecodable"] > 20
    captured = capfd.readouterr()  # what decoders print is for the reasons
    assert captured.out == captured.err == ""

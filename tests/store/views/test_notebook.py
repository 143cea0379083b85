"""What a notebook shows of stores and feature sets: whole, short and escaped."""

from html.parser import HTMLParser

from melgrid.params import LogMel


def text_of(html):
    parts, tags = [], []
    parser = HTMLParser(convert_charrefs=True)
    parser.handle_data = parts.append
    parser.handle_starttag = lambda tag, attributes: tags.append(tag)
    parser.handle_endtag = lambda tag: tags.remove(tag)
    parser.feed(html)
    assert set(tags) <= {"br"}  # everything else is closed
    return " ".join(parts)


def test_a_store_and_a_feature_set(make_toy, features):
    toy = make_toy(features=[features["float16"], features["complex"]])
    shown = text_of(toy.store._repr_html_())
    assert "20 clips (1 failed), 3 classes, 2 feature sets" in shown
    assert all(feature_id in shown for feature_id in toy.store.ids)
    shown = text_of(toy.store[features["complex"].id]._repr_html_())
    assert "(frames, 9, 2) float32" in shown
    assert "n_fft=16" in shown


def test_names_are_escaped(make_toy):
    html = make_toy(dataset="<script>alert(1)</script>").store._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_many_feature_sets_stay_a_short_table(make_toy):
    toy = make_toy(features=[LogMel(sr=8000, n_fft=256, n_mels=m) for m in range(2, 26)], clips=3, failing=())
    html = toy.store._repr_html_()
    assert html.count("<tr>") == 21
    assert "and 4 more" in html


def test_a_store_without_feature_sets(make_toy):
    assert "0 feature sets" in make_toy(features=[]).store._repr_html_()

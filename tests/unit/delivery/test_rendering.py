"""How two renderings differ: object by object, those that come and go included."""

from delivery.rendering import difference

KEPT = "kind: Service\nmetadata:\n  name: same\n"


def config(name: str, value: str) -> str:
    return (
        f"---\n# Source: alpha/templates/all.yaml\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: {value}\n"
    )


def test_only_what_changes_is_shown_under_its_name() -> None:
    before = {"alpha": f"---\n{KEPT}{config('one', 'old')}"}
    after = {"alpha": f"---\n{KEPT}{config('one', 'new')}"}
    said = difference(before, after)
    assert said.splitlines()[:2] == ["--- alpha: ConfigMap one\t(now)", "+++ alpha: ConfigMap one\t(then)"]
    assert "-  key: old" in said and "+  key: new" in said
    assert "Service" not in said


def test_what_comes_and_what_goes_is_shown() -> None:
    said = difference({"alpha": config("gone", "x"), "beta": config("left", "y")}, {"alpha": config("come", "x")})
    assert "-  name: gone" in said
    assert "+  name: come" in said
    assert "-  name: left" in said


def test_the_same_is_no_difference() -> None:
    assert difference({"alpha": config("one", "x")}, {"alpha": config("one", "x")}) == ""

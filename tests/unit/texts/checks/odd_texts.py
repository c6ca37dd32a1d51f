"""What a model, or somebody who wants to do harm, may have answered."""

ENTITIES = (
    '<!DOCTYPE a [<!ENTITY x0 "ha">'
    + "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 12))
    + "]><a>&x11;</a>"
)
_ALIASES = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
_MERGES = "x0: &x0 {a: 1}\n" + "".join(
    f"x{n}: &x{n} {{<<: [{', '.join([f'*x{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
)
ODD = (
    "", " ", "\0", "\ud800", "\ufeff{}", "é", "\u202e{}", "...", "*", "`ls`", "(,)", "1_000",
    "0777", "f'{x}'", "b'\\xff'", "{*()}", "{**{}}", "[*[]]", '"\\Uffffffff"', "--- a\n--- b",
    "!!python/object/apply:os.system [ls]", "%YAML 9.9\n---\na", ENTITIES, _ALIASES, _MERGES,
    "[" * 5000 + "]" * 5000, "<a>" * 10_000 + "</a>" * 10_000,
    "<a " + " ".join(f'b{number}="1"' for number in range(5000)) + "/>",
    *(f"{again * 8000}{end}" for again, end in (
        ("(", ""), ("{", ""), ("[[", ""), ("-", "1"), ("not ", "1"), ("1+", "1"), ("a.", "a"),
        ("lambda:", "1"), ("1 if 1 else ", "1"), ("9", ""), ("9", "x"), ('{"a": ', ""), ("<a>", ""),
        ("<", ""), ("&", ""), ("- ", "a"), ("? ", "a"), ("a: ", ""), ("- a\n", ""), (": ", ""),
        ("!", ""), ("&a ", ""), ("*a ", ""), ("'", ""), ('"', "'"), ("\\", ""), ("|", ""),
        ("#", ""), ("\n", ""), ("\t", ""), (".", "x"), ("**1", ""), ("is ", ""), (" ", "has"),
        ("one ", ""), ("\u4e00", ""), ("\u3002", ""), ("in a ", ""),
    )),
)  # fmt: skip

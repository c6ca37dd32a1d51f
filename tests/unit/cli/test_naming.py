from assay.cli.naming import command_line


def test_a_command_line_can_be_pasted_into_a_shell() -> None:
    assert command_line(["select", "my data.json"]) == "assay select 'my data.json'"

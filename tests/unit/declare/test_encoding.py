"""What DolphinScheduler's OPENMLDB task makes of the text of a node, and whether that is what was written.

The judge is ``node_script`` here: ``OpenmldbTask.buildPythonScriptContent`` of DolphinScheduler 3.1.5, said again in
Python from its rules, and the script that it gives is run against a connection that takes down what it is told.
"""

import re
import sys
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsflow import OpenMLDB, Workflow
from dsflow.declare.encoding import breaks_node, decode, encode, literal, show_marks, split_statements, unencodable
from dsflow.errors import DeclarationError


def node_script(sql, *, mode="online", values=None):
    """The Python script that the task writes for a node's sql."""
    sql = re.sub("\r?\n", "\n", sql)
    sql = re.sub(r"\$\{([^${}]+)\}", lambda m: (values or {}).get(m[1], m[0]), sql)
    lines = [
        "import openmldb",
        "import sqlalchemy as db",
        "engine = db.create_engine('openmldb:///?zk=h:1&zkPath=/o')",
        "con = engine.connect()",
        f"con.execute(\"set @@execute_mode='{mode}';\")",
    ]
    if mode == "offline":
        lines += ['con.execute("set @@sync_job=true")', 'con.execute("set @@job_timeout=1800000")']
    pieces = sql.split(";")
    while pieces and not pieces[-1]:  # Java's split drops empty pieces at the end
        pieces.pop()
    lines += ['con.execute("{}")'.format(p.replace("\n", "\\n")) for p in pieces if re.search(r"[^ \t\n\x0b\f\r]", p)]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def arrives():
    """``arrives(sql)``: the statements that reach OpenMLDB, without those that the task sends by itself."""
    told = []

    class Connection:
        def execute(self, statement):
            told.append(statement)

    class Engine:
        def connect(self):
            return Connection()

    fake = ModuleType("sqlalchemy")
    fake.create_engine = lambda address: Engine()
    kept = {name: sys.modules.get(name) for name in ("openmldb", "sqlalchemy")}

    def run(sql, **how):
        told.clear()
        sys.modules.update({"openmldb": ModuleType("openmldb"), "sqlalchemy": fake})
        try:
            # through a file's bytes, as the worker's Python reads it
            exec(compile(node_script(sql, **how).encode(), "openmldb.py", "exec"), {})
        finally:
            for name, module in kept.items():
                if module is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = module
        return [s for s in told if not s.startswith("set @@")]

    return run


def as_sent(statements):
    """What follows another statement begins on a new line."""
    return [s if i == 0 else f"\n{s}" for i, s in enumerate(statements)]


# lone surrogates are no text that a file or a server could hold
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
NASTY = st.text(st.sampled_from("ab'\"`\\;#-/*\n\r\t ${}[]%:n0x中\0\x0b\u2028"), min_size=1)
# what is blank to Java is no statement
STATEMENT = (TEXT | NASTY).filter(lambda s: s.strip(" \t\n\x0b\f\r\x1c\x1d\x1e\x1f\x85"))


@given(st.lists(STATEMENT.filter(lambda s: "${" not in s), min_size=1))
@example(['OPTIONS(RANGE_BIAS="inf")', "'a;b'", "-- a; b\nSELECT 1", "'c:\\temp\\new'", "'\\u4e2d'", "'\\'", "a\\"])
@example(["x" * 100_000 + '";\\' * 1000])
@example(["SELECT '特征' # 🦆; \"\n", "\rSELECT 1\r\n", "a\0b", "\\", '"'])
def test_statements_arrive_as_they_were_written(arrives, statements):
    assert arrives(encode(statements)) == as_sent(statements)


@given(st.lists(STATEMENT, min_size=1))
def test_decode_reads_as_the_task_does(arrives, statements):
    encoded = encode(statements)
    assert decode(encoded) == arrives(encoded) == as_sent(statements)


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\\\";'\n\r")))
def test_decode_agrees_with_the_task_on_any_text_of_a_server(arrives, text):
    def outcome(read):
        try:
            return read(text)
        except (SyntaxError, ValueError):
            return "the script stops"

    assert outcome(decode) == outcome(arrives)


@pytest.mark.parametrize(
    ("sql", "meant"),
    [
        ("SELECT 1; SELECT 2", ["SELECT 1", " SELECT 2"]),
        ("SELECT 'a\\nb'", ["SELECT 'a\nb'"]),
        (";; ;SELECT 1", ["SELECT 1"]),
        ("SELECT 1;\r\n SELECT 2", ["SELECT 1", "\n SELECT 2"]),
        ("'a;b'", ["'a", "b'"]),
    ],
)
def test_what_the_task_makes_of_texts_not_written_here(arrives, sql, meant):
    assert decode(sql) == arrives(sql) == meant


@pytest.mark.parametrize("sql", ['OPTIONS(RANGE_BIAS="inf")', "SELECT 1 \\", '"', "\\x", "\\u12"])
def test_decode_says_where_the_script_would_stop(arrives, sql):
    with pytest.raises(SyntaxError):
        decode(sql)
    with pytest.raises(SyntaxError):
        arrives(sql)


@given(st.text(st.sampled_from("a'\"\\;${}[]x中"), min_size=1))
def test_a_literal_is_never_substituted(arrives, text):
    statement = literal(f"SELECT {text}")
    assert arrives(encode([statement]), values={"a": "WRONG", "x": "WRONG"}) == [f"SELECT {text}"]


@pytest.mark.parametrize("number", [0xD800, 0xDC23, 0xDFFF])
def test_half_a_character_is_refused(number):
    bad = chr(number)
    assert unencodable(f"SELECT '{bad}'") == 8
    with pytest.raises(DeclarationError, match="half of a character"):
        encode(["SELECT 1", f"SELECT '{bad}'"])
    with Workflow("w", project="p") as workflow:
        OpenMLDB("half", f"SELECT '{bad}'")
    with pytest.raises(DeclarationError, match="task 'half': the SQL holds"):
        workflow.definition()


@given(TEXT | NASTY)
def test_everything_else_is_taken(text):
    assert unencodable(text) is None
    assert unencodable(literal(text)) is None


@given(st.text())
def test_a_value_that_does_not_break_the_node_arrives(arrives, value):
    if breaks_node(value) or "${" in value:
        return
    try:
        value.encode()
    except UnicodeEncodeError:
        return
    assert arrives(encode(["SELECT '${p}', 1"]), values={"p": value}) == [f"SELECT '{value}', 1"]


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a;b", "a\nb", "a\rb", "a\0b"])
def test_values_that_break_the_node(value):
    assert breaks_node(value)


@pytest.mark.parametrize("mode", ["offline", "online"])
def test_the_mode_adds_statements_of_its_own(arrives, mode):
    assert arrives(encode(["SELECT 1"]), mode=mode) == ["SELECT 1"]


# ----------------------------------------------------------------------------------------------------- split_statements


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        (" ;\n; ", []),
        ("-- only a comment", []),
        ("# only; a comment\n/* and; another */;", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;", ["SELECT 1"]),
        ("SELECT 1; SELECT 2 ;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';' ; SELECT \";\"", ["SELECT ';'", 'SELECT ";"']),
        ("SELECT `a;b`", ["SELECT `a;b`"]),
        ("SELECT 'it''s; ok'; B", ["SELECT 'it''s; ok'", "B"]),
        ("SELECT 'it\\'s; ok'; B", ["SELECT 'it\\'s; ok'", "B"]),
        ("SELECT 'a\\\\'; B", ["SELECT 'a\\\\'", "B"]),
        ("SELECT 1 -- no; cut\n; B", ["SELECT 1 -- no; cut", "B"]),
        ("SELECT 1 /* no; cut */; B", ["SELECT 1 /* no; cut */", "B"]),
        ("SELECT 1 # it's; no cut\n; B", ["SELECT 1 # it's; no cut", "B"]),
        ("-- why\nSELECT 1; B", ["-- why\nSELECT 1", "B"]),
        ("SELECT 'a\nb;c'", ["SELECT 'a\nb;c'"]),
        ("SELECT '--'; B", ["SELECT '--'", "B"]),
        ("SELECT 4 / 2 - 1; B", ["SELECT 4 / 2 - 1", "B"]),
        ("SELECT '#{a}' || #{b}; B", ["SELECT '#{a}' || #{b}", "B"]),
    ],
)
def test_split_statements(text, pieces):
    assert split_statements(text) == pieces


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SELECT 'a", "opens a ' in line 1"),
        ('SELECT 1;\nSELECT "a', 'opens a " in line 2'),
        ("SELECT 'a' `b", "opens a ` in line 1"),
        ("SELECT 1 /* x", "opens a /* in line 1"),
        ("SELECT 'a\\'", "opens a ' in line 1"),
    ],
)
def test_what_is_not_closed(text, says):
    with pytest.raises(DeclarationError, match=re.escape(says)):
        split_statements(text)


WORDS = st.text(st.sampled_from("ab; '\"\n-#"))
PIECE = st.one_of(
    st.sampled_from(["SELECT 1", "a.b", "/ 2", "- 1", "*"]),
    WORDS.map(lambda s: "'" + s.replace("'", "''") + "'"),
    WORDS.map(lambda s: '"' + s.replace('"', '\\"') + '"'),
    WORDS.map(lambda s: "`" + s + "`"),
    WORDS.map(lambda s: "-- " + s.replace("\n", " ") + "\n"),
    WORDS.map(lambda s: "/* " + s + " */"),
)


@given(st.lists(st.lists(PIECE, min_size=1).map(lambda p: "x " + " ".join(p)), min_size=1))
def test_splitting_gives_the_statements_back(statements):
    assert split_statements("\n;\n".join(statements)) == [s.strip() for s in statements]


@given(st.lists(st.lists(PIECE, min_size=1).map(lambda p: "x " + " ".join(p)), min_size=1))
def test_what_is_split_arrives(arrives, statements):
    pieces = split_statements(";".join(f"{s}\n" for s in statements))
    assert [s.strip() for s in arrives(encode(pieces))] == [s.strip() for s in statements]


# ---- OpenMLDB's module counts the ? of an INSERT

INSERTS = [
    ("INSERT INTO t VALUES ('a?b')", "INSERT INTO t VALUES ('a\\x3fb')"),
    ('insert into t values ("?", 1, "??")', 'insert into t values ("\\x3f", 1, "\\x3f\\x3f")'),
    ("INSERT INTO t VALUES ('\\?', '\\\\?')", "INSERT INTO t VALUES ('\\x3f', '\\\\\\x3f')"),
    ("\n INSERT OR IGNORE INTO t VALUES ('it''s?')", "\n INSERT OR IGNORE INTO t VALUES ('it''s\\x3f')"),
    ("INSERT INTO t VALUES (1) -- why?", "INSERT INTO t VALUES (1) -- why\\x3f"),
    ("SELECT '?' FROM t", "SELECT '?' FROM t"),
    ("-- first?\nINSERT INTO t VALUES ('?')", "-- first?\nINSERT INTO t VALUES ('?')"),
]


@pytest.mark.parametrize(("statement", "sent"), INSERTS)
def test_a_question_mark_in_an_insert_is_sent_as_an_escape(arrives, statement, sent):
    assert arrives(encode([statement])) == [sent]
    assert decode(encode([statement])) == [show_marks(statement)]


def test_a_question_mark_that_was_written_as_an_escape():
    assert show_marks(r"INSERT INTO t VALUES ('a\x3fb', '\\x3f')") == r"INSERT INTO t VALUES ('a?b', '\\x3f')"
    assert show_marks(r"SELECT 'a\x3fb'") == r"SELECT 'a\x3fb'"


@given(st.lists(st.sampled_from(["?", "\\", "\\\\", "''", "a", "\\?", "\\x3f", "é", " "])).map("".join))
def test_no_question_mark_of_an_insert_is_left(body):
    statement = f"INSERT INTO t VALUES ('{body}')"
    try:
        split_statements(statement)
    except DeclarationError:
        return  # not closed
    sent = encode([statement])
    assert "?" not in sent
    assert encode(decode(sent)) == sent


@pytest.mark.parametrize("statement", ["INSERT INTO t VALUES (?)", "INSERT INTO `a?` VALUES (1)"])
def test_a_question_mark_outside_of_a_text_is_refused(statement):
    with pytest.raises(DeclarationError, match="outside of a text"):
        encode([statement])


def test_a_node_whose_insert_would_fail_on_the_worker():
    with pytest.raises(SyntaxError, match="takes each '\\?' of an INSERT for a value"):
        decode("USE db;INSERT INTO t VALUES ('a?b')")

"""What schemathesis cannot know of Rollcall: its scalars, and words that mean something in the audience of the test.

And the check of every answer, which is stricter than schemathesis' own: an answer has the fields that were asked for and
no others, with values of their types, null where a field failed and where the schema allows it; errors have a code of the
documented list.

The environment names a file: `ROLLCALL_WORDS`, JSON with lists of `ids`, `keys`, `emails` and `cursors`.
"""

import json
import os
import zlib

import schemathesis
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSyntaxError,
    NameNode,
    ObjectFieldNode,
    ObjectValueNode,
    Visitor,
    is_abstract_type,
    parse,
    print_ast,
    type_from_ast,
    validate,
    visit,
)
from hypothesis import strategies as st
from schemathesis.graphql import nodes

# The codes of docs/api.md that an answer may have, besides those that say that the server has failed.
CODES = {
    "BAD_REQUEST",
    "BAD_USER_INPUT",
    "FORBIDDEN",
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "IN_USE",
    "NOT_FOUND",
    "OPERATION_RESOLUTION_FAILURE",
    "REFRESH_RUNNING",
    "RESYNC",
    "TOO_COMPLEX",
}

with open(os.environ["ROLLCALL_WORDS"], encoding="utf-8") as file:
    WORDS = json.load(file)


def literal(value):
    """Writes JSON as a GraphQL literal."""
    if value is None:
        return nodes.Null
    if isinstance(value, bool):
        return nodes.Boolean(value)
    if isinstance(value, int):
        return nodes.Int(value)
    if isinstance(value, float):
        return nodes.Float(value)
    if isinstance(value, str):
        return nodes.String(value)
    if isinstance(value, list):
        return nodes.List([literal(item) for item in value])
    fields = [ObjectFieldNode(name=NameNode(value=key), value=literal(item)) for key, item in value.items()]
    return ObjectValueNode(fields=tuple(fields))


names = st.from_regex(r"[_A-Za-z][_0-9A-Za-z]{0,12}", fullmatch=True)
days = st.dates().map(str)
instants = st.datetimes(timezones=st.just(None)).map(lambda moment: f"{moment.isoformat()}Z")
texts = st.one_of(st.text(max_size=40), st.sampled_from(WORDS["keys"] + WORDS["emails"]), days, instants)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(2**31), 2**31 - 1), st.floats(-1e9, 1e9), texts)
anything = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)), max_leaves=8
)

tests = st.one_of(
    st.fixed_dictionaries({}, optional={"in": st.lists(texts, max_size=3)}),
    st.dictionaries(st.sampled_from(["equals", "contains", "matches", "isSet", "startsWith", "notIn"]), texts, max_size=2),
    st.just({"isSet": True}),
)
conditions = st.one_of(
    st.fixed_dictionaries({"text": st.fixed_dictionaries({"field": st.sampled_from(["country", "email", "custom.plan", "custom.nothing"]), "is": tests})}),
    st.fixed_dictionaries({"group": st.fixed_dictionaries({"inAny": st.lists(st.sampled_from(WORDS["keys"]), max_size=2)})}),
    st.fixed_dictionaries({"segment": st.fixed_dictionaries({"inAll": st.lists(st.sampled_from(WORDS["keys"]), max_size=2)})}),
    st.fixed_dictionaries({"event": st.fixed_dictionaries({"name": texts}, optional={"count": st.fixed_dictionaries({"atLeast": st.integers(-1, 3)})})}),
    st.just({"everyone": True}),
)
rules = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)

schemathesis.graphql.scalar("Date", days.map(nodes.String))
schemathesis.graphql.scalar("DateTime", instants.map(nodes.String))
schemathesis.graphql.scalar("JSON", st.one_of(rules, anything).map(literal))
schemathesis.graphql.scalar(
    "ID", st.one_of(st.sampled_from(WORDS["ids"]), st.text(max_size=20)).map(nodes.String)
)
schemathesis.graphql.scalar(
    "String", st.one_of(texts, st.sampled_from(WORDS["cursors"]), st.just("custom.plan"), st.just("country")).map(nodes.String)
)
# Half of the numbers are such as people send: a page of a few, a period of some days.
schemathesis.graphql.scalar(
    "Int", st.one_of(st.integers(0, 20), st.integers(-(2**31), 2**31 - 1)).map(nodes.Int)
)


class Pages(Visitor):
    """Makes most pages such as people ask for: one of `first` and `last`, no cursor of another list."""

    def enter_field(self, node, *_):
        arguments = {argument.name.value: argument for argument in node.arguments}
        if not {"first", "after", "last", "before"} <= arguments.keys() or zlib.crc32(print_ast(node).encode()) % 4 == 0:
            return None
        kept = set(arguments) - {"after", "before", "last"}
        edited = tuple(argument for name, argument in arguments.items() if name in kept)
        return FieldNode(
            alias=node.alias,
            name=node.name,
            arguments=edited,
            directives=node.directives,
            selection_set=node.selection_set,
        )


@schemathesis.hook
def map_body(context, body):
    return visit(body, Pages())


class Malformed(AssertionError):
    pass


def expect(holds, *what):
    if not holds:
        raise Malformed(" ".join(str(part) for part in what))


SCALARS = {
    "Int": lambda value: type(value) is int and -(2**31) <= value < 2**31,
    "Float": lambda value: type(value) in (int, float),
    "Boolean": lambda value: type(value) is bool,
    "JSON": lambda value: True,
}


class Answer:
    """Compares data with the document that asked for it."""

    def __init__(self, schema, document):
        self.schema = schema
        self.fragments = {node.name.value: node for node in document.definitions if node.kind == "fragment_definition"}

    def select(self, selections, name, selected):
        """Gathers what is selected from an object of the type of this name, by key."""
        for node in selections:
            if isinstance(node, FieldNode):
                key = (node.alias or node.name).value
                selected.setdefault(key, []).append(node)
                continue
            fragment = self.fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            condition = fragment.type_condition
            if condition is None or self.applies(type_from_ast(self.schema, condition), name):
                self.select(fragment.selection_set.selections, name, selected)
        return selected

    def applies(self, condition, name):
        return condition.name == name or self.schema.is_sub_type(condition, self.schema.get_type(name))

    def check_object(self, kind, selections, value, path):
        expect(isinstance(value, dict), path, "expected an object, found", value)
        name = kind.name
        if is_abstract_type(kind):
            possible = self.schema.get_possible_types(kind)
            fitting = [one for one in possible if set(self.select(selections, one.name, {})) == set(value)]
            expect(fitting, path, "fits none of", possible, value)
            told = value.get("__typename")
            name = told if told in [one.name for one in possible] else fitting[0].name
        selected = self.select(selections, name, {})
        expect(list(selected) == list(value), path, "expected", list(selected), "found", list(value))
        for key, fields in selected.items():
            field = fields[0].name.value
            if field == "__typename":
                expect(value[key] == name, path, "expected", name, "found", value[key])
                continue
            below = [node for one in fields if one.selection_set for node in one.selection_set.selections]
            self.check(self.schema.get_type(name).fields[field].type, below, value[key], f"{path}.{key}")

    def check(self, kind, selections, value, path):
        if isinstance(kind, GraphQLNonNull):
            expect(value is not None, path, "is null")
            return self.check(kind.of_type, selections, value, path)
        if value is None:
            return None
        if isinstance(kind, GraphQLList):
            expect(isinstance(value, list), path, "expected a list, found", value)
            for index, item in enumerate(value):
                self.check(kind.of_type, selections, item, f"{path}[{index}]")
        elif isinstance(kind, GraphQLEnumType):
            expect(value in kind.values, path, "expected a value of", kind, "found", value)
        elif isinstance(kind, GraphQLScalarType):
            is_right = SCALARS.get(kind.name, lambda value: isinstance(value, str))
            expect(is_right(value), path, "expected", kind, "found", value)
        else:
            self.check_object(kind, selections, value, path)
        return None


def check_error(error, payload):
    expect(isinstance(error.get("message"), str) and error["message"], "no message:", error)
    expect(set(error) <= {"message", "locations", "path", "extensions"}, "unknown keys:", error)
    expect(error.get("extensions", {}).get("code") in CODES, "unknown code:", error)
    if "path" not in error:
        expect("data" not in payload, "data beside an error of the request:", error)
        return
    expect("data" in payload, "no data beside an error of a field:", error)
    value = payload["data"]
    for segment in error["path"]:
        if value is None:
            return
        value = value[segment]
    expect(value is None, "failed, but has a value:", error)


# What Rollcall says of values that graphql-core does not judge: scalars of its own, numbers beyond doubles, and inputs
# of which the schema that schemathesis asks for does not tell that they are `@oneOf`.
OURS = (
    "expected a Date",
    "expected a number that a double holds",
    "expected exactly one of",
    "expected a value of",
    "expected a variable of a type that ends with",
)


def check_verdict(schema, body, errors):
    """Makes sure that a document is refused if and only if graphql-core would refuse it; returns it."""
    codes = {error["extensions"]["code"] for error in errors or []}
    try:
        document = parse(body)
    except GraphQLSyntaxError as error:
        expect(codes <= {"GRAPHQL_PARSE_FAILED", "TOO_COMPLEX"} and codes, "accepted:", error.message, body)
        return None
    problems = [problem.message for problem in validate(schema, document)]
    if problems:
        expect(codes & {"GRAPHQL_VALIDATION_FAILED", "TOO_COMPLEX"}, "accepted:", problems, body)
        return document
    refused = [error for error in errors or [] if error["extensions"]["code"] in ("GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED")]
    expect(all(error["message"].startswith(OURS) for error in refused), "refused:", refused, body)
    return document


@schemathesis.check
def answers_are_well_formed(context, response, case):
    expect(response.status_code < 500, "status", response.status_code)
    media_type = response.headers["content-type"][0].split(";")[0]
    expect(media_type in ("application/json", "application/graphql-response+json"), "media type", media_type)
    payload = response.json()
    expect(isinstance(payload, dict) and set(payload) <= {"data", "errors", "extensions"}, "keys", payload)
    errors = payload.get("errors")
    expect(errors is None or errors, "an empty list of errors")
    expect("data" in payload or errors, "neither data nor errors")
    for error in errors or []:
        check_error(error, payload)
    schema = case.operation.schema.client_schema
    document = check_verdict(schema, case.body, errors)
    if payload.get("data") is None:
        expect(errors, "null without an error")
        return
    (operation,) = [node for node in document.definitions if node.kind == "operation_definition"]
    root = schema.get_root_type(operation.operation)
    Answer(schema, document).check_object(root, operation.selection_set.selections, payload["data"], "data")

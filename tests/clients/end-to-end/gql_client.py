"""gql of PyPI: documents checked against the introspected schema, over HTTP and over a WebSocket.

python gql_client.py HTTP_URL
"""

import asyncio
import json
import sys

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.requests import RequestsHTTPTransport
from gql.transport.websockets import WebsocketsTransport

URL = sys.argv[1]
EMAILS = [f"{name}@example.com" for name in ("ada", "bea", "cid", "dan", "eve")]
asked = 0


def document(text, **variables):
    global asked
    asked += 1
    request = gql(text)
    request.variable_values = variables
    return request


def equal(found, wanted):
    assert found == wanted, f"expected {wanted!r}, found {found!r}"


async def change(session, text, **variables):
    """Runs a mutation of one field that must do what it is asked to."""
    (payload,) = (await session.execute(document(text, **variables))).values()
    equal(payload["userErrors"], [])
    return payload


async def upsert(session, email, country):
    return await change(
        session,
        """mutation Upsert($input: UpsertSubscriberInput!) {
          upsertSubscriber(input: $input) { outcome subscriber { email } userErrors { message } }
        }""",
        input={"email": email, "values": {"country": country}},
    )


async def refresh(session):
    while True:
        answer = await session.execute(
            document("mutation Refresh { refreshSegments(input: {}) { refresh { id } userErrors { code } } }")
        )
        payload = answer["refreshSegments"]
        # The server may be refreshing the new segment by itself.
        if payload["userErrors"] != [{"code": "REFRESH_RUNNING"}]:
            equal(payload["userErrors"], [])
            return payload["refresh"]["id"]


async def fill(session):
    for email in EMAILS:
        payload = await upsert(session, email, "DE")
        equal((payload["outcome"], payload["subscriber"]["email"]), ("CREATED", email))
    await change(session, 'mutation { createGroup(input: {key: "staff"}) { userErrors { message } } }')
    payload = await change(
        session,
        """mutation Add($emails: [String!]!) {
          addToGroup(input: {group: "staff", emails: $emails}) { addedCount userErrors { message } }
        }""",
        emails=EMAILS[:4],
    )
    equal(payload["addedCount"], 4)
    await change(
        session,
        """mutation Make($rule: RuleInput!) {
          createSegment(input: {key: "baltic", rule: $rule}) { userErrors { message path } }
        }""",
        rule={"text": {"field": "country", "is": {"in": ["LT", "EE"]}}},
    )


async def mistakes(session):
    answer = await session.execute(
        document('mutation { createGroup(input: {key: "staff"}) { userErrors { code path } } }')
    )
    equal(answer["createGroup"]["userErrors"], [{"code": "TAKEN", "path": "key"}])
    try:
        await session.execute(
            document(
                """query ($email: String!) {
                  right: subscriber(email: $email) { email }
                  wrong: subscriber(email: $email, id: "both") { email }
                }""",
                email=EMAILS[0],
            )
        )
        raise AssertionError("expected an error")
    except TransportQueryError as error:
        equal(error.data, {"right": {"email": EMAILS[0]}, "wrong": None})
        equal([(e["path"], e["extensions"]["code"]) for e in error.errors], [(["wrong"], "BAD_USER_INPUT")])


async def pages(session):
    text = """query Members($first: Int, $after: String) {
      group(key: "staff") {
        members(first: $first, after: $after, orderBy: EMAIL) {
          edges { addedAt node { email } } pageInfo { hasNextPage endCursor }
        }
      }
    }"""
    found, after = [], None
    while True:
        members = (await session.execute(document(text, first=3, after=after)))["group"]["members"]
        found += [edge["node"]["email"] for edge in members["edges"]]
        if not members["pageInfo"]["hasNextPage"]:
            break
        after = members["pageInfo"]["endCursor"]
    equal(found, EMAILS[:4])


async def changes(session):
    after = await refresh(session)
    socket = WebsocketsTransport(url=URL.replace("http", "ws"), subprotocols=["graphql-transport-ws"])
    async with Client(transport=socket) as listening:
        told = listening.subscribe(
            document(
                """subscription ($after: ID) {
                  membershipChanged(segment: {key: "baltic"}, after: $after) {
                    refresh { id } joined { email } left { email } isLast
                  }
                }""",
                after=after,
            )
        )
        for email, country, direction in ((EMAILS[3], "LT", "joined"), (EMAILS[4], "EE", "joined"), (EMAILS[3], "DE", "left")):
            await upsert(session, email, country)
            refreshed = await refresh(session)
            change = (await anext(told))["membershipChanged"]
            equal([person["email"] for person in change[direction]], [email])
            equal((change["refresh"]["id"], change["isLast"]), (refreshed, True))
        await told.aclose()


async def asynchronously():
    transport = AIOHTTPTransport(url=URL)
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        await fill(session)
        await mistakes(session)
        await pages(session)
        await changes(session)


def synchronously():
    with Client(transport=RequestsHTTPTransport(url=URL), fetch_schema_from_transport=True) as session:
        answer = session.execute(document("{ segments { nodes { key memberCount } } }"))
        equal(answer, {"segments": {"nodes": [{"key": "baltic", "memberCount": 1}]}})


asyncio.run(asynchronously())
synchronously()
print(json.dumps({"asked": asked}))

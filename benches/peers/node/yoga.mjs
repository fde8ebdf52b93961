// GraphQL Yoga over pg: a statement for each field, whatever the number of parents, through DataLoader; statements are
// prepared once for each connection.
import DataLoader from "dataloader";
import { createSchema, createYoga } from "graphql-yoga";
import { createServer } from "node:http";
import pg from "pg";

const connection = { connectionString: process.env.DATABASE_URL, options: "-c search_path=peer" };
const pool = new pg.Pool({ ...connection, max: 10 });
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

const query = async (name, text, values) => (await pool.query({ name, text, values })).rows;

/** Loads lists by the column `parent` of the rows. */
const lists = (name, text) =>
  new DataLoader(async (ids) => {
    const byParent = new Map(ids.map((id) => [id, []]));
    for (const row of await query(name, text, [ids])) byParent.get(row.parent).push(row);
    return ids.map((id) => byParent.get(id));
  });

const loaders = () => ({
  groups: lists(
    "groups",
    `SELECT m.person_id AS parent, m.added_at, g.id, g.key, g.name FROM group_memberships m JOIN groups g ON g.id = m.group_id
     WHERE m.person_id = ANY($1) ORDER BY g.key`,
  ),
  segments: lists(
    "segments",
    `SELECT m.person_id AS parent, s.id, s.key, s.name FROM segment_memberships m JOIN segments s ON s.id = m.segment_id
     WHERE m.person_id = ANY($1) ORDER BY s.key`,
  ),
  lastRefresh: lists(
    "last-refresh",
    `SELECT DISTINCT ON (l.segment_id) l.segment_id AS parent, l.member_count, r.as_of
     FROM segment_refreshes l JOIN refreshes r ON r.id = l.refresh_id
     WHERE l.segment_id = ANY($1) ORDER BY l.segment_id, l.refresh_id DESC`,
  ),
  isMember: new DataLoader(
    async (pairs) => {
      const rows = await query(
        "is-member",
        `SELECT m.person_id, s.key FROM unnest($1::bigint[], $2::text[]) AS asked (person_id, key)
         JOIN segments s ON s.key = asked.key
         JOIN segment_memberships m ON m.segment_id = s.id AND m.person_id = asked.person_id`,
        [pairs.map(([person]) => person), pairs.map(([, key]) => key)],
      );
      const found = new Set(rows.map((row) => `${row.person_id} ${row.key}`));
      return pairs.map(([person, key]) => found.has(`${person} ${key}`));
    },
    { cacheKey: ([person, key]) => `${person} ${key}` },
  ),
});

const encode = (id) => Buffer.from(String(id)).toString("base64");
const decode = (cursor) => Number(Buffer.from(cursor, "base64").toString());
const iso = (moment) => moment?.toISOString();

/** A page of people beyond a cursor, which holds an id. */
const people = async (_, { first, after, orderBy }) => {
  const columns = "id, email, status, first_name, custom";
  const rows =
    orderBy === "EMAIL"
      ? await query("by-email", `SELECT ${columns} FROM people ORDER BY email LIMIT $1`, [first + 1])
      : await query("by-id", `SELECT ${columns} FROM people WHERE id > $2 ORDER BY id LIMIT $1`, [
          first + 1,
          after ? decode(after) : 0,
        ]);
  const nodes = rows.slice(0, first);
  return {
    nodes,
    pageInfo: { hasNextPage: rows.length > first, endCursor: nodes.length ? encode(nodes.at(-1).id) : null },
  };
};

const members = async (segment, { first }) => ({
  nodes: await query(
    "members",
    `SELECT p.id, p.email, p.status, p.first_name, p.custom FROM people p
     JOIN segment_memberships m ON m.person_id = p.id WHERE m.segment_id = $1 ORDER BY p.email LIMIT $2`,
    [segment.id, first],
  ),
});

const addToGroup = async (_, { input }) => {
  const added = await pool.query({
    name: "add",
    text: `INSERT INTO group_memberships (group_id, person_id, added_at)
           SELECT g.id, p.id, now() FROM groups g, people p WHERE g.key = $1 AND p.email = ANY($2)
           ON CONFLICT DO NOTHING`,
    values: [input.group, input.emails],
  });
  return { addedCount: added.rowCount };
};

/** One connection listens for all subscriptions; nobody notifies it while the load is measured. */
let listener;
const listen = async () => {
  const client = new pg.Client(connection);
  client.setMaxListeners(0);
  await client.connect();
  await client.query("LISTEN membership");
  return client;
};

async function* membershipChanged() {
  listener ??= listen();
  const client = await listener;
  while (true) {
    await new Promise((resolve) => client.once("notification", resolve));
    yield { membershipChanged: { joinedCount: 1 } };
  }
}

const schema = createSchema({
  typeDefs: /* GraphQL */ `
    enum SubscriberOrderBy { ADDED EMAIL }
    scalar JSON
    input Target { group: String, segment: String }
    input SegmentRef { key: String! }
    input AddToGroupInput { group: String!, emails: [String!]! }
    type Query {
      subscribers(first: Int! = 50, after: String, orderBy: SubscriberOrderBy! = ADDED): People!
      subscriber(email: String!): Subscriber
      segments(first: Int! = 50): Segments!
      segment(key: String!): Segment
    }
    type Mutation { addToGroup(input: AddToGroupInput!): AddToGroupPayload! }
    type Subscription { membershipChanged(segment: SegmentRef!): MembershipChange! }
    type MembershipChange { joinedCount: Int! }
    type AddToGroupPayload { addedCount: Int! }
    type PageInfo { hasNextPage: Boolean!, endCursor: String }
    type People { nodes: [Subscriber!]!, pageInfo: PageInfo }
    type Subscriber {
      id: ID!
      email: String!
      status: String!
      firstName: String
      customFields: [CustomField!]!
      groups: PersonGroups!
      segments: Segments!
      isMember(of: Target!): Boolean!
    }
    type CustomField { key: String!, value: JSON! }
    type PersonGroups { edges: [PersonGroup!]! }
    type PersonGroup { addedAt: String!, node: Group! }
    type Group { id: ID!, key: String!, name: String! }
    type Segments { nodes: [Segment!]! }
    type Segment { id: ID!, key: String!, name: String!, memberCount: Int!, lastRefresh: SegmentRefresh, members(first: Int!, orderBy: SubscriberOrderBy!): People! }
    type SegmentRefresh { memberCount: Int!, refresh: Refresh! }
    type Refresh { asOf: String! }
  `,
  resolvers: {
    Query: {
      subscribers: people,
      subscriber: async (_, { email }) => (await query("person", "SELECT * FROM people WHERE email = $1", [email]))[0],
      segments: async (_, { first }) => ({
        nodes: await query("all-segments", "SELECT id, key, name, member_count FROM segments ORDER BY key LIMIT $1", [first]),
      }),
      segment: async (_, { key }) =>
        (await query("segment", "SELECT id, key, name, member_count FROM segments WHERE key = $1", [key]))[0],
    },
    Mutation: { addToGroup },
    Subscription: { membershipChanged: { subscribe: membershipChanged } },
    Subscriber: {
      firstName: (person) => person.first_name,
      customFields: (person) => Object.entries(person.custom).map(([key, value]) => ({ key, value })),
      groups: async (person, _, { loaders }) => ({ edges: await loaders.groups.load(person.id) }),
      segments: async (person, _, { loaders }) => ({ nodes: await loaders.segments.load(person.id) }),
      isMember: (person, { of }, { loaders }) => loaders.isMember.load([person.id, of.segment]),
    },
    PersonGroup: { addedAt: (group) => iso(group.added_at), node: (group) => group },
    Segment: {
      memberCount: (segment) => segment.member_count,
      lastRefresh: async (segment, _, { loaders }) => (await loaders.lastRefresh.load(segment.id))[0],
      members,
    },
    SegmentRefresh: { memberCount: (refresh) => refresh.member_count, refresh: (refresh) => refresh },
    Refresh: { asOf: (refresh) => iso(refresh.as_of) },
  },
});

const yoga = createYoga({ schema, context: () => ({ loaders: loaders() }), logging: false, graphiql: false });
const server = createServer(yoga);
server.listen(0, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${server.address().port}`));

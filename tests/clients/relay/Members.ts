import { graphql } from 'react-relay';

/** The members of a segment, page by page, refetched by the id of the segment. */
export const members = graphql`
  fragment Members_segment on Segment
  @refetchable(queryName: "MembersPaginationQuery")
  @argumentDefinitions(
    count: { type: "Int", defaultValue: 20 }
    cursor: { type: "String" }
  ) {
    name
    memberCount
    members(first: $count, after: $cursor, orderBy: EMAIL) @connection(key: "Members_segment_members", filters: ["orderBy"]) {
      totalCount
      edges {
        joinedAt
        node {
          id
          ...Person_subscriber
        }
      }
    }
  }
`;

/** The events of a subscriber, from the end. */
export const events = graphql`
  fragment MembersEvents_subscriber on Subscriber
  @refetchable(queryName: "MembersEventsPaginationQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
    events(last: $count, before: $cursor) @connection(key: "Members_events") {
      edges {
        node {
          id
          name
          occurredAt
          properties
        }
      }
    }
  }
`;

/** Everybody, from the query root. */
export const everybody = graphql`
  fragment MembersEverybody_query on Query
  @refetchable(queryName: "MembersEverybodyPaginationQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }, filter: { type: "SubscriberFilter" }) {
    subscribers(first: $count, after: $cursor, filter: $filter) @connection(key: "Members_subscribers") {
      edges {
        node {
          ...Person_subscriber
        }
      }
    }
  }
`;

export const query = graphql`
  query MembersQuery($key: String!) {
    ...MembersEverybody_query
    segment(key: $key) {
      id
      ...Members_segment
    }
  }
`;

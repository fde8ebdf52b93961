import { graphql } from 'react-relay';

/** A person, refetched by id through `node`. */
export const person = graphql`
  fragment Person_subscriber on Subscriber @refetchable(queryName: "PersonRefetchQuery") {
    email
    status
    birthday
    ...MembersEvents_subscriber
    memberships {
      __typename
      key
      ... on SegmentMembership {
        joinedAt
      }
    }
  }
`;

export const query = graphql`
  query PersonQuery($id: ID!) {
    node(id: $id) {
      __typename
      id
      ...Person_subscriber @alias(as: "person")
      ... on Event {
        occurredAt
      }
    }
  }
`;

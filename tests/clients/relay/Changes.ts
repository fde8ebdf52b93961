import { graphql } from 'react-relay';

/** A new group appears in the lists on the page. */
export const makeGroup = graphql`
  mutation ChangesMakeGroupMutation($input: CreateGroupInput!, $connections: [ID!]!) {
    createGroup(input: $input) {
      group @prependNode(connections: $connections, edgeTypeName: "GroupEdge") {
        id
        key
        name
      }
      userErrors {
        code
        message
        path
        hint
      }
    }
  }
`;

/** A deleted group disappears from the store. */
export const deleteGroup = graphql`
  mutation ChangesDeleteGroupMutation($id: ID!) {
    deleteGroup(input: { id: $id }) {
      deletedId @deleteRecord
      userErrors {
        message
      }
    }
  }
`;

export const updateSubscriber = graphql`
  mutation ChangesUpdateSubscriberMutation($input: UpdateSubscriberInput!) @raw_response_type {
    updateSubscriber(input: $input) {
      subscriber {
        id
        ...Person_subscriber
      }
      userErrors {
        code
        path
      }
    }
  }
`;

export const comesAndGoes = graphql`
  subscription ChangesComesAndGoesSubscription($segment: SegmentRef!) {
    membershipChanged(segment: $segment) {
      at
      joined {
        id
        ...Person_subscriber
      }
      left {
        id
      }
    }
  }
`;

// Values that occur in the audience, for the fields of conditions.
import { useMemo } from 'react';
import { useQuery } from 'urql';
import { graphql } from '../api/graphql';
import { useDebounced } from '../ui/use-debounced';
import type { Suggestion } from '../ui/combobox';

const fieldValues = graphql(`
  query FieldValues($name: String!, $prefix: String!) {
    ruleFields(name: $name) { name suggestedValues(prefix: $prefix, first: 12) { value count } }
  }
`);

const propertyValues = graphql(`
  query PropertyValues($event: String!, $prefix: String!) {
    ruleEvents(prefix: $event, first: 50) { name properties { name suggestedValues(prefix: $prefix, first: 12) { value count } } }
  }
`);

/** Whose values are suggested: a field, or a property of an event. */
export type ValueSource = { field: string } | { event: string; property: string } | null;

/** Returns values that begin like this, the most frequent first. */
export function useSuggestions(source: ValueSource, text: string): Suggestion[] {
  const prefix = useDebounced(text, 200);
  const field = source && 'field' in source ? source.field : null;
  const event = source && 'event' in source ? source.event : null;
  const property = source && 'property' in source ? source.property : null;
  const [fields] = useQuery({
    query: fieldValues, variables: { name: field ?? '', prefix }, pause: field === null, requestPolicy: 'cache-first',
  });
  const [events] = useQuery({
    query: propertyValues, variables: { event: event ?? '', prefix }, pause: event === null, requestPolicy: 'cache-first',
  });
  return useMemo(() => {
    const list = field !== null
      ? fields.data?.ruleFields.find((each) => each.name === field)?.suggestedValues
      : events.data?.ruleEvents.find((each) => each.name === event)?.properties
          .find((each) => each.name === property)?.suggestedValues;
    return list ?? [];
  }, [fields.data, events.data, field, event, property]);
}

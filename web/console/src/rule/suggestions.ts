// Values that occur in the audience, for the fields of conditions.
import { useMemo, useRef } from 'react';
import { useQuery } from 'urql';
import { graphql } from '../api/graphql';
import { useDebounced } from '../ui/use-debounced';
import type { Suggestion } from '../ui/combobox';
import { suggestCountries } from './countries';

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

/** Whether the values of a source are codes of countries. */
export function isOfCountries(source: ValueSource): boolean {
  return source !== null && 'field' in source && source.field === 'country';
}

/** Returns values that begin like this, the most frequent first; of countries those with such a name. */
export function useSuggestions(source: ValueSource, text: string): Suggestion[] {
  const isCountry = isOfCountries(source);
  const delayed = useDebounced(text, 200);
  // Few countries occur: all are asked for, as their names are known here only.
  const prefix = isCountry ? '' : delayed;
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
    return isCountry ? suggestCountries(text, list ?? []) : list ?? [];
  }, [fields.data, events.data, field, event, property, isCountry, text]);
}

const groupChoices = graphql(`
  query GroupChoices($search: String!) { groups(search: $search, first: 20) { nodes { id key name memberCount } } }
`);

const segmentChoices = graphql(`
  query SegmentChoices($search: String!) { segments(search: $search, first: 20) { nodes { id key name memberCount } } }
`);

/** How many groups and segments are loaded at once. More are found by asking the server for what is typed. */
export const MOST_CHOICES = 200;

/** Returns groups or segments to choose from: the first ones, and those that the server finds for a text. */
export function useChoices(kind: 'groups' | 'segments', first: Suggestion[], text: string): Suggestion[] {
  const search = useDebounced(text.trim(), 200);
  const isIdle = first.length < MOST_CHOICES || search === '';
  const [groups] = useQuery({
    query: groupChoices, variables: { search }, pause: isIdle || kind !== 'groups', requestPolicy: 'cache-first',
  });
  const [segments] = useQuery({
    query: segmentChoices, variables: { search }, pause: isIdle || kind !== 'segments', requestPolicy: 'cache-first',
  });
  // Chosen ones keep their names when something else is searched for.
  const seen = useRef(new Map<string, Suggestion>());
  const nodes = isIdle ? undefined : kind === 'groups' ? groups.data?.groups.nodes : segments.data?.segments.nodes;
  return useMemo(() => {
    for (const { key, name, memberCount } of nodes ?? []) seen.current.set(key, { value: key, label: name, count: memberCount });
    const known = new Set(first.map(({ value }) => value));
    return [...first, ...[...seen.current.values()].filter(({ value }) => !known.has(value))];
  }, [first, nodes]);
}

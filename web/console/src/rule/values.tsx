// The field for a value of each kind that the server names in `words`. A kind that is not known here is edited as JSON.
import { useState } from 'react';
import { SuggestField, TagsField } from '../ui/combobox';
import { words as inWords } from '../ui/badge';
import { isRecord } from './tree';
import { startValue } from './start-values';
import { codeOfCountry, nameOfCountry } from './countries';
import { isOfCountries, useChoices, useSuggestions, type ValueSource } from './suggestions';
import { describeWord, type Vocabulary, type Word } from './vocabulary';

export interface ValueProps {
  /** The kind of value, such as `PERIOD`. */
  kind: string;
  label: string;
  value: unknown;
  vocabulary: Vocabulary;
  source: ValueSource;
  onChange(value: unknown): void;
}

const units = ['HOUR', 'DAY', 'WEEK', 'MONTH', 'YEAR'];
const periods = [
  'TODAY', 'YESTERDAY', 'TOMORROW', 'THIS_WEEK', 'LAST_WEEK', 'NEXT_WEEK', 'THIS_MONTH', 'LAST_MONTH', 'NEXT_MONTH',
  'THIS_QUARTER', 'LAST_QUARTER', 'NEXT_QUARTER', 'THIS_YEAR', 'LAST_YEAR', 'NEXT_YEAR',
];
const months = [
  'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December',
];
/** The tests of text whose value is compared as a whole. */
const wholeTests = ['equals', 'notEquals', 'in', 'notIn'];
const statuses = ['SUBSCRIBED', 'UNSUBSCRIBED', 'BOUNCED', 'COMPLAINED', 'PENDING'];

export function ValueField(props: ValueProps) {
  const { kind, label, value, vocabulary, source, onChange } = props;
  switch (kind) {
    case 'TRUE':
      return null;
    case 'FLAG':
      return (
        <select aria-label={label} value={String(value)} onChange={(event) => onChange(event.target.value === 'true')}>
          <option value="true">yes</option>
          <option value="false">no</option>
        </select>
      );
    case 'TEXT':
    case 'PATTERN':
      return <TextField label={label} value={asText(value)} source={kind === 'TEXT' ? source : null} onChange={onChange} />;
    case 'TEXTS':
      return <TextsField label={label} values={asTexts(value)} source={source} onChange={onChange} />;
    case 'NUMBERS':
      return (
        <TagsField
          label={label}
          values={asTexts(value)}
          suggestions={[]}
          placeholder="Add a number"
          onChange={(values) => onChange(values.map(Number).filter(Number.isFinite))}
        />
      );
    case 'NUMBER':
      return <NumberField label={label} value={value} onChange={onChange} />;
    case 'DATE':
      return <DateField label={label} value={value} onChange={onChange} />;
    case 'NUMBER_RANGE':
    case 'DATE_RANGE':
    case 'PERIOD_RANGE':
      return <RangeField {...props} kind={kind.replace('_RANGE', '')} />;
    case 'PERIOD':
      return <PeriodField label={label} value={value} onChange={onChange} />;
    case 'CALENDAR_PERIOD':
      return <Select label={label} value={asText(value)} options={periods} name={inLowerWords} onChange={onChange} />;
    case 'MONTH':
      return (
        <select aria-label={label} value={asText(value)} onChange={(event) => onChange(Number(event.target.value))}>
          {months.map((month, index) => <option key={month} value={index + 1}>{month}</option>)}
        </select>
      );
    case 'STATUSES':
      return <StatusesField label={label} values={asTexts(value)} onChange={onChange} />;
    case 'CIRCLE':
      return <CircleField value={value} onChange={onChange} />;
    case 'GROUP_KEYS':
    case 'SEGMENT_KEYS':
      return <KeysField label={label} kind={kind === 'GROUP_KEYS' ? 'groups' : 'segments'} values={asTexts(value)} vocabulary={vocabulary} onChange={onChange} />;
    case 'NUMBER_TEST':
      return <TestField {...props} node="number" />;
    case 'DATE_TEST':
      return <TestField {...props} node="date" />;
    case 'WINDOW':
      return <WindowField {...props} />;
    default:
      return <JsonField label={label} value={value} onChange={onChange} />;
  }
}

export function asText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function asTexts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function inLowerWords(constant: string): string {
  return constant.toLowerCase().replaceAll('_', ' ');
}

interface FieldProps<T> {
  label: string;
  value: T;
  onChange(value: unknown): void;
}

function TextField({ label, value, source, onChange }: FieldProps<string> & { source: ValueSource }) {
  const suggestions = useSuggestions(source, value);
  const isCountry = isOfCountries(source);
  return (
    <SuggestField
      label={label}
      value={value}
      suggestions={suggestions}
      placeholder={isCountry ? 'a country' : 'a text'}
      onChange={onChange}
      onBlur={() => {
        const code = isCountry ? codeOfCountry(value) : null;
        if (code !== null && code !== value) onChange(code);
      }}
    />
  );
}

function TextsField({ label, values, source, onChange }: { label: string; values: string[]; source: ValueSource; onChange(value: unknown): void }) {
  const [text, setText] = useState('');
  const suggestions = useSuggestions(source, text);
  const isCountry = isOfCountries(source);
  return (
    <TagsField
      label={label}
      values={values}
      suggestions={suggestions}
      onType={setText}
      onChange={onChange}
      {...(isCountry ? { nameOf: nameOfCountry, readValue: codeOfCountry, placeholder: 'Add a country' } : {})}
    />
  );
}

function KeysField({ label, kind, values, vocabulary, onChange }: { label: string; kind: 'groups' | 'segments'; values: string[]; vocabulary: Vocabulary; onChange(value: unknown): void }) {
  const [text, setText] = useState('');
  const suggestions = useChoices(kind, vocabulary[kind], text);
  const placeholder = kind === 'groups' ? 'Choose a group' : 'Choose a segment';
  return <TagsField label={label} values={values} suggestions={suggestions} placeholder={placeholder} onType={setText} onChange={onChange} />;
}

function NumberField({ label, value, onChange }: FieldProps<unknown>) {
  return (
    <input
      type="number"
      step="any"
      className="short"
      aria-label={label}
      placeholder="a number"
      value={asText(value)}
      onFocus={(event) => event.currentTarget.select()}
      onChange={(event) => onChange(event.target.value === '' ? '' : event.target.valueAsNumber)}
    />
  );
}

/** A day; an instant, which JSON can hold too, is shown as text. */
function DateField({ label, value, onChange }: FieldProps<unknown>) {
  const text = asText(value);
  const isDay = text === '' || /^\d{4}-\d\d-\d\d$/.test(text);
  return (
    <input type={isDay ? 'date' : 'text'} aria-label={label} value={text} onChange={(event) => onChange(event.target.value)} />
  );
}

function PeriodField({ label, value, onChange }: FieldProps<unknown>) {
  const period = isRecord(value) ? value : {};
  return (
    <span className="together">
      <input
        type="number"
        min={1}
        step={1}
        className="short"
        aria-label={`${label}: how many`}
        value={asText(period.amount)}
        onFocus={(event) => event.currentTarget.select()}
        onChange={(event) => onChange({ ...period, amount: event.target.value === '' ? '' : event.target.valueAsNumber })}
      />
      <Select
        label={`${label}: unit`}
        value={asText(period.unit)}
        options={units}
        name={(unit) => `${unit.toLowerCase()}${period.amount === 1 ? '' : 's'}`}
        onChange={(unit) => onChange({ ...period, unit })}
      />
    </span>
  );
}

function RangeField(props: ValueProps) {
  const range = isRecord(props.value) ? props.value : {};
  return (
    <span className="together">
      <ValueField {...props} label={`${props.label}: from`} value={range.from} onChange={(from) => props.onChange({ ...range, from })} />
      <span>and</span>
      <ValueField {...props} label={`${props.label}: to`} value={range.to} onChange={(to) => props.onChange({ ...range, to })} />
    </span>
  );
}

function CircleField({ value, onChange }: { value: unknown; onChange(value: unknown): void }) {
  const circle = isRecord(value) ? value : {};
  const field = (key: string, label: string) => (
    <label className="inline-label">
      {label}
      <NumberField label={label} value={circle[key]} onChange={(number) => onChange({ ...circle, [key]: number })} />
    </label>
  );
  return (
    <span className="together">
      {field('radiusKm', 'kilometres')}
      {field('latitude', 'of latitude')}
      {field('longitude', 'and longitude')}
    </span>
  );
}

function StatusesField({ label, values, onChange }: { label: string; values: string[]; onChange(value: unknown): void }) {
  return (
    <fieldset className="checks">
      <legend className="hidden">{label}</legend>
      {statuses.map((status) => (
        <label key={status}>
          <input
            type="checkbox"
            checked={values.includes(status)}
            onChange={(event) => onChange(statuses.filter((each) => (each === status ? event.target.checked : values.includes(each))))}
          />
          {inWords(status)}
        </label>
      ))}
    </fieldset>
  );
}

/** A test with its value, such as `at least 2`. */
function TestField(props: ValueProps & { node: string }) {
  const { node, label, value, vocabulary, onChange } = props;
  return <OneOf {...props} label={label} node={node} words={vocabulary.testsOf(node)} value={isRecord(value) ? value : {}} onChange={onChange} />;
}

function WindowField(props: ValueProps) {
  const event = props.vocabulary.fieldOf('event', null);
  const words = event?.words.filter((word) => word.role === 'WINDOW') ?? [];
  return <OneOf {...props} node="event" words={words} value={isRecord(props.value) ? props.value : {}} />;
}

/** An object with one of these words, and its value. */
export function OneOf(props: Omit<ValueProps, 'value' | 'kind'> & { node: string; words: readonly Word[]; value: Record<string, unknown> }) {
  const { node, words, value, label, onChange } = props;
  const name = Object.keys(value)[0] ?? '';
  const word = words.find((each) => each.name === name);
  // A part of a country's code is no country.
  const isPart = isOfCountries(props.source) && !wholeTests.includes(name);
  return (
    <>
      <select
        aria-label={`${label}: test`}
        data-first
        value={name}
        onChange={(event) => {
          const chosen = words.find((each) => each.name === event.target.value);
          if (!chosen) return;
          // A value stays where the other test takes the same kind.
          const keep = word && word.value === chosen.value;
          onChange({ [chosen.name]: keep ? value[name] : startValue(chosen.value, chosen.name) });
        }}
      >
        {word ? null : <option value={name}>{name || 'choose a test'}</option>}
        {words.map((each) => <option key={each.name} value={each.name}>{describeWord(node, each.name)}</option>)}
      </select>
      {word ? (
        <ValueField
          {...props}
          kind={word.value}
          label={`${label}: value`}
          value={value[name]}
          source={isPart ? null : props.source}
          onChange={(changed) => onChange({ [name]: changed })}
        />
      ) : null}
    </>
  );
}

interface SelectProps {
  label: string;
  value: string;
  options: readonly string[];
  name(option: string): string;
  onChange(value: string): void;
}

export function Select({ label, value, options, name, onChange }: SelectProps) {
  return (
    <select aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
      {options.includes(value) ? null : <option value={value}>{value || 'choose'}</option>}
      {options.map((option) => <option key={option} value={option}>{name(option)}</option>)}
    </select>
  );
}

/** For kinds of values that this console does not know. */
function JsonField({ label, value, onChange }: FieldProps<unknown>) {
  const [text, setText] = useState(() => JSON.stringify(value) ?? '');
  return (
    <input
      className="code"
      aria-label={`${label} as JSON`}
      value={text}
      onChange={(event) => {
        setText(event.target.value);
        try {
          onChange(JSON.parse(event.target.value));
        } catch {
          // Half-written JSON changes nothing yet.
        }
      }}
    />
  );
}

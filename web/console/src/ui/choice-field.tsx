// One group or segment of many: a list of all where they are few, and a search where they are more than are loaded.
import { MOST_CHOICES } from '../rule/suggestions';
import { FoundField } from './found-field-lazy';

export interface ChoiceProps {
  label: string;
  kind: 'groups' | 'segments';
  /** The first ones, which are listed at once. */
  choices: readonly { key: string; name: string | null }[];
  /** The label of the choice of none; absent if one must be chosen. */
  nothing?: string;
  value: string;
  onChange(key: string): void;
}

export function ChoiceField({ label, kind, choices, nothing, value, onChange }: ChoiceProps) {
  if (choices.length >= MOST_CHOICES) {
    return (
      <div className="field">
        <span aria-hidden="true">{label}</span>
        <FoundField label={label} kind={kind} choices={choices} value={value} onChange={onChange} {...(nothing === undefined ? {} : { nothing })} />
      </div>
    );
  }
  return (
    <label className="field">
      {label}
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        {nothing !== undefined && <option value="">{nothing}</option>}
        {value !== '' && !choices.some(({ key }) => key === value) && <option value={value}>{value}</option>}
        {choices.map(({ key, name }) => <option key={key} value={key}>{name ?? key}</option>)}
      </select>
    </label>
  );
}

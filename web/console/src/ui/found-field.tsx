// A text field that asks the server for groups or segments of such a name.
import { useMemo, useState } from 'react';
import { useChoices } from '../rule/suggestions';
import type { ChoiceProps } from './choice-field';
import { SuggestField } from './combobox';

export function FoundField({ label, kind, choices, nothing, value, onChange }: ChoiceProps) {
  const [text, setText] = useState<string | null>(null);
  const first = useMemo(() => choices.map(({ key, name }) => ({ value: key, label: name ?? key })), [choices]);
  const found = useChoices(kind, first, text ?? '');
  const nameOf = (key: string) => found.find((each) => each.value === key)?.label ?? key;
  const wanted = (text ?? '').toLowerCase();
  const fits = found.filter(({ value, label }) => `${value} ${label ?? ''}`.toLowerCase().includes(wanted));
  return (
    <SuggestField
      label={label}
      value={text ?? (value === '' ? '' : nameOf(value))}
      suggestions={fits.slice(0, 50)}
      placeholder={nothing ?? `Find one of the ${kind}`}
      onChange={setText}
      onCommit={(key) => {
        onChange(key);
        // The field takes the key for a moment; then it shows the name.
        setTimeout(() => setText(null));
      }}
      onBlur={() => {
        if (text === '' && nothing !== undefined) onChange('');
        setText(null);
      }}
    />
  );
}

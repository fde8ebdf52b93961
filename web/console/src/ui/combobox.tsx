// Text fields that suggest values. React Aria has the behaviour: keyboard, screen readers, touch.
import { useId, useMemo, useState, type KeyboardEvent, type ReactNode } from 'react';
import { ComboBox, Input, ListBox, ListBoxItem, Popover } from 'react-aria-components';
import { formatNumber } from './format';
import { Icon } from './icon';

export interface Suggestion {
  value: string;
  label?: string;
  count?: number;
}

interface Props {
  label: string;
  value: string;
  suggestions: Suggestion[];
  onChange(value: string): void;
  /** Called when a suggestion is chosen or Enter is pressed. */
  onCommit?(value: string): void;
  onKeyDown?(event: KeyboardEvent): void;
  onBlur?(): void;
  placeholder?: string;
  isInvalid?: boolean;
}

/** A text field with suggestions; any other text may be written too. */
export function SuggestField({ label, value, suggestions, onChange, onCommit, onKeyDown, onBlur, placeholder, isInvalid }: Props) {
  const items = useMemo(() => suggestions.map((each) => ({ id: each.value, ...each })), [suggestions]);
  return (
    <ComboBox
      className="combobox"
      aria-label={label}
      allowsCustomValue
      menuTrigger="focus"
      inputValue={value}
      items={items}
      isInvalid={isInvalid ?? false}
      onInputChange={onChange}
      onChange={(key) => {
        if (typeof key !== 'string') return;
        onChange(key);
        onCommit?.(key);
      }}
    >
      <Input
        {...(placeholder === undefined ? {} : { placeholder })}
        onBlur={() => onBlur?.()}
        onKeyDown={(event) => onKeyDown?.(event)}
      />
      <Popover className="suggestions" offset={2}>
        <ListBox>
          {(item: { id: string } & Suggestion) => (
            <ListBoxItem id={item.id} textValue={item.value} className="suggestion">
              <span>{item.label ?? item.value}{item.label && item.label !== item.value ? <small> {item.value}</small> : null}</span>
              {item.count === undefined ? null : <span className="number">{formatNumber(item.count)}</span>}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </ComboBox>
  );
}

interface TagsProps {
  label: string;
  values: string[];
  suggestions: Suggestion[];
  onChange(values: string[]): void;
  /** Called with what is written, for suggestions that fit. */
  onType?(text: string): void;
  /** Returns the name of a value that is not among the suggestions. */
  nameOf?(value: string): string;
  /** Returns the value that the text means, or null if it means none. Then nothing is added. */
  readValue?(text: string): string | null;
  /** Whether only suggested values can be added. */
  isClosed?: boolean;
  placeholder?: string;
}

/** Several values as tags, with a field to add more. */
export function TagsField({ label, values, suggestions, onChange, onType, nameOf, readValue, isClosed = false, placeholder = 'Add a value' }: TagsProps) {
  const [text, setText] = useState('');
  const hintId = useId();
  const open = suggestions.filter((each) => !values.includes(each.value) && (nameOf !== undefined || fits(each, text)));
  const labelOf = (value: string) => suggestions.find((each) => each.value === value)?.label ?? nameOf?.(value) ?? value;
  const type = (text: string) => {
    setText(text);
    onType?.(text);
  };
  const add = (value: string) => {
    const clean = readValue ? readValue(value) : value.trim();
    if (clean === null) return;
    const isKnown = !isClosed || suggestions.some((each) => each.value === clean);
    if (clean !== '' && isKnown && !values.includes(clean)) onChange([...values, clean]);
    // The field takes the chosen value for a moment; what follows is typed into an empty one.
    setTimeout(() => type(''));
  };
  return (
    <div className="tags">
      {values.map((value) => (
        <Tag key={value} name={labelOf(value)} onRemove={() => onChange(values.filter((each) => each !== value))}>{labelOf(value)}</Tag>
      ))}
      <SuggestField
        label={label}
        value={text}
        suggestions={open}
        placeholder={placeholder}
        onChange={type}
        onCommit={add}
        isInvalid={readValue !== undefined && text !== '' && open.length === 0 && readValue(text) === null}
        onBlur={() => text && add(text)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && text && !(event.target as Element).getAttribute('aria-activedescendant')) add(text);
          if (event.key === 'Backspace' && text === '' && values.length > 0) onChange(values.slice(0, -1));
        }}
      />
      <span id={hintId} className="hidden">{values.length} values</span>
    </div>
  );
}

function fits({ value, label }: Suggestion, text: string): boolean {
  const wanted = text.toLowerCase();
  return value.toLowerCase().includes(wanted) || (label?.toLowerCase().includes(wanted) ?? false);
}

function Tag({ name, onRemove, children }: { name: string; onRemove(): void; children: ReactNode }) {
  return (
    <span className="tag">
      {children}
      <button type="button" className="quiet icon-only" aria-label={`Remove ${name}`} onClick={onRemove}><Icon name="close" /></button>
    </span>
  );
}

// The controls of one condition. What they offer comes from the server's words.
import { SuggestField } from '../ui/combobox';
import { firstTest, startValue } from './start-values';
import { isRecord, type Body, type Leaf } from './tree';
import { OneOf, Select, ValueField } from './values';
import { describeField, describeWord, type RuleField, type Vocabulary, type Word } from './vocabulary';
import { EventFields } from './event';

export interface ConditionProps {
  leaf: Leaf;
  vocabulary: Vocabulary;
  onChange(body: Body): void;
}

export function Condition(props: ConditionProps) {
  const { leaf, vocabulary } = props;
  const field = vocabulary.fieldOf(leaf.node, leaf.body.field);
  if (leaf.node === 'everyone') return <p className="hint">All people match.</p>;
  if (leaf.node === 'event' && field) return <EventFields {...props} field={field} />;
  if ('field' in leaf.body) return <FieldFields {...props} field={field} />;
  if (!field) return <p className="hint">This server knows no condition “{leaf.node}”. Change it in the JSON view, or remove it.</p>;
  return <WordFields {...props} field={field} />;
}

/** A condition about a field: the field, the test, the value and options. */
function FieldFields({ leaf, vocabulary, onChange, field }: ConditionProps & { field: RuleField | undefined }) {
  const { body, node } = leaf;
  const name = typeof body.field === 'string' ? body.field : '';
  const words = field?.words ?? vocabulary.testsOf(node);
  const options = words.filter((word) => word.role === 'OPTION');
  const fields = vocabulary.fields.filter((each) => each.node === node.toUpperCase() && each.name !== null);
  return (
    <div className={`controls ${node === 'text' ? 'value-first' : ''}`}>
      <Select
        label="Field"
        value={name}
        options={fields.map((each) => each.name!)}
        name={(option) => describeField(fields.find((each) => each.name === option)!)}
        onChange={(chosen) => onChange({ ...body, field: chosen })}
      />
      <OneOf
        label="Condition"
        node={node}
        words={words.filter((word) => word.role === 'TEST')}
        value={isRecord(body.is) ? body.is : {}}
        vocabulary={vocabulary}
        source={name ? { field: name } : null}
        onChange={(is) => onChange({ ...body, is })}
      />
      {options.map((word) => <Option key={word.name} node={node} word={word} body={body} vocabulary={vocabulary} onChange={onChange} />)}
    </div>
  );
}

/** A condition whose words are shown side by side: status, group, segment, place, random share. */
function WordFields({ leaf, vocabulary, onChange, field }: ConditionProps & { field: RuleField }) {
  const { body, node } = leaf;
  const tests = field.words.filter((word) => word.role === 'TEST');
  const others = field.words.filter((word) => word.role !== 'TEST');
  // A random share shows all its words together. Of other nodes one test is chosen.
  if (node === 'random') {
    return (
      <div className="controls">
        {field.words.map((word) => (
          <label key={word.name} className="inline-label">
            {describeWord(node, word.name)}
            <ValueField
              kind={word.value}
              label={describeWord(node, word.name)}
              value={body[word.name]}
              vocabulary={vocabulary}
              source={null}
              onChange={(value) => onChange({ ...body, [word.name]: value })}
            />
          </label>
        ))}
      </div>
    );
  }
  const present = tests.find((word) => word.name in body) ?? firstTest(tests);
  const test = present && present.name in body ? { [present.name]: body[present.name] } : {};
  const rest = Object.fromEntries(Object.entries(body).filter(([key]) => key !== present?.name));
  return (
    <div className="controls value-first">
      <OneOf
        label={describeField(field)}
        node={node}
        words={tests}
        value={test}
        vocabulary={vocabulary}
        source={null}
        onChange={(changed) => onChange({ ...(isRecord(changed) ? changed : {}), ...rest })}
      />
      {others.map((word) => <Option key={word.name} node={node} word={word} body={body} vocabulary={vocabulary} onChange={onChange} />)}
    </div>
  );
}

interface OptionProps {
  node: string;
  word: Word;
  body: Body;
  vocabulary: Vocabulary;
  onChange(body: Body): void;
}

/** A word that may be there or not: a check box, and its value while it is there. */
export function Option({ node, word, body, vocabulary, onChange }: OptionProps) {
  const { [word.name]: value, ...others } = body;
  const isThere = value !== undefined && value !== false;
  const label = describeWord(node, word.name);
  return (
    <span className="option">
      <label>
        <input
          type="checkbox"
          checked={isThere}
          onChange={(event) => onChange(event.target.checked ? { ...body, [word.name]: startValue(word.value, word.name) } : others)}
        />
        {label}
      </label>
      {isThere && word.value !== 'FLAG' ? (
        <ValueField kind={word.value} label={label} value={value} vocabulary={vocabulary} source={null} onChange={(changed) => onChange({ ...body, [word.name]: changed })} />
      ) : null}
    </span>
  );
}

/** The name of an event or a property, with those that occur. */
export function NameField({ label, value, names, onChange }: { label: string; value: string; names: { value: string; count?: number }[]; onChange(value: string): void }) {
  return <SuggestField label={label} value={value} suggestions={names} placeholder="a name" onChange={onChange} />;
}

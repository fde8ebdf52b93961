// A condition about events: which ones, how often or how much, when, and with which properties.
import { TagsField } from '../ui/combobox';
import { Icon } from '../ui/icon';
import { NameField, type ConditionProps } from './condition';
import { startValue, firstTest } from './start-values';
import { isRecord, type Body } from './tree';
import { OneOf, ValueField } from './values';
import { describeWord, type RuleEvent, type RuleField, type Vocabulary, type Word } from './vocabulary';

export function EventFields({ leaf, vocabulary, onChange, field }: ConditionProps & { field: RuleField }) {
  const { body } = leaf;
  const inRole = (role: string) => field.words.filter((word) => word.role === role);
  const known = vocabulary.events.find((event) => event.name === body.name);
  const common = { body, vocabulary, onChange };
  return (
    <div className="controls stacked">
      <div className="row">
        <span className="row-label">event</span>
        <Subject {...common} />
      </div>
      <div className="row">
        <span className="row-label">how much</span>
        <Chosen {...common} label="Measure" nothing="at least once" words={inRole('MEASURE')} drops={['of']} />
        <Of {...common} known={known} />
      </div>
      <div className="row">
        <span className="row-label">when</span>
        <Chosen {...common} label="Window" nothing="at any time" words={inRole('WINDOW')} drops={[]} />
      </div>
      <Where {...common} known={known} />
    </div>
  );
}

interface PartProps {
  body: Body;
  vocabulary: Vocabulary;
  onChange(body: Body): void;
}

function Subject({ body, vocabulary, onChange }: PartProps) {
  const names = vocabulary.events.map(({ name, count }) => ({ value: name, count }));
  const { name, names: several, ...others } = body;
  if (Array.isArray(several)) {
    return (
      <>
        <TagsField label="Any of these events" values={several.map(String)} suggestions={names} placeholder="Add an event" onChange={(names) => onChange({ names, ...others })} />
        {several.length < 2 && <button type="button" className="quiet" onClick={() => onChange({ name: several[0] ?? '', ...others })}>One event</button>}
      </>
    );
  }
  return (
    <>
      <NameField label="Event" value={typeof name === 'string' ? name : ''} names={names} onChange={(name) => onChange({ name, ...others })} />
      <button type="button" className="quiet" onClick={() => onChange({ names: name ? [name] : [], ...others })}>or another</button>
    </>
  );
}

/** One of several words that exclude each other, or none of them. */
function Chosen({ body, vocabulary, onChange, label, nothing, words, drops }: PartProps & { label: string; nothing: string; words: Word[]; drops: string[] }) {
  const word = words.find((each) => each.name in body);
  const choose = (name: string) => {
    const chosen = words.find((each) => each.name === name);
    const gone = new Set([...words.map((each) => each.name), ...(chosen && ['sum', 'average', 'min', 'max'].includes(name) ? [] : drops)]);
    const rest = Object.fromEntries(Object.entries(body).filter(([key]) => !gone.has(key)));
    const keep = word && chosen && word.value === chosen.value;
    onChange(chosen ? { ...rest, [name]: keep ? body[word.name] : startValue(chosen.value, name) } : rest);
  };
  return (
    <>
      <select aria-label={label} data-first={label === 'Measure' && body.name ? true : undefined} value={word?.name ?? ''} onChange={(event) => choose(event.target.value)}>
        <option value="">{nothing}</option>
        {words.map((each) => <option key={each.name} value={each.name}>{describeWord('event', each.name)}</option>)}
      </select>
      {word && (
        <ValueField kind={word.value} label={label} value={body[word.name]} vocabulary={vocabulary} source={null} onChange={(value) => onChange({ ...body, [word.name]: value })} />
      )}
    </>
  );
}

/** The property that is measured in place of the event's value. */
function Of({ body, onChange, known }: PartProps & { known: RuleEvent | undefined }) {
  if (!['sum', 'average', 'min', 'max'].some((name) => name in body)) return null;
  const numbers = (known?.properties ?? []).filter((property) => property.node === 'NUMBER').map((property) => property.name);
  const { of, ...others } = body;
  const present = typeof of === 'string' ? of : '';
  return (
    <label className="inline-label">
      of
      <select aria-label="What is measured" value={present} onChange={(event) => onChange(event.target.value ? { ...body, of: event.target.value } : others)}>
        <option value="">the event’s value</option>
        {present && !numbers.includes(present) ? <option value={present}>{present}</option> : null}
        {numbers.map((name) => <option key={name} value={name}>{name}</option>)}
      </select>
    </label>
  );
}

const kinds = ['text', 'number', 'date', 'boolean', 'list'];

/** Tests of the events' properties; all of them must pass. */
function Where({ body, vocabulary, onChange, known }: PartProps & { known: RuleEvent | undefined }) {
  const tests = Array.isArray(body.where) ? body.where.filter(isRecord) : [];
  const { where: _, ...others } = body;
  const set = (next: Body[]) => onChange(next.length > 0 ? { ...others, where: next } : others);
  const add = () => {
    const property = known?.properties[0];
    const node = property?.node.toLowerCase() ?? 'text';
    const test = firstTest(property?.words ?? vocabulary.testsOf(node));
    const is = test ? { [test.name]: startValue(test.value, test.name) } : {};
    set([...tests, { [node]: { property: property?.name ?? '', is } }]);
  };
  return (
    <>
      {tests.map((test, index) => (
        <div className="row" key={index}>
          <span className="row-label">{index === 0 ? 'where' : 'and'}</span>
          <PropertyTest
            test={test}
            known={known}
            vocabulary={vocabulary}
            onChange={(changed) => set(tests.with(index, changed))}
          />
          <button type="button" className="quiet icon-only" aria-label="Remove the test of the property" onClick={() => set(tests.toSpliced(index, 1))}><Icon name="close" /></button>
        </div>
      ))}
      <div className="row">
        <span className="row-label" />
        <button type="button" className="quiet" onClick={add}><Icon name="plus" /> Only with certain properties</button>
      </div>
    </>
  );
}

function PropertyTest({ test, known, vocabulary, onChange }: { test: Body; known: RuleEvent | undefined; vocabulary: Vocabulary; onChange(test: Body): void }) {
  const node = Object.keys(test)[0] ?? 'text';
  const inner = isRecord(test[node]) ? test[node] : {};
  const name = typeof inner.property === 'string' ? inner.property : '';
  const of = (known?.properties ?? []).filter((property) => property.name === name);
  const property = of.find((each) => each.node === node.toUpperCase());
  const words = (property?.words ?? vocabulary.testsOf(node)).filter((word) => word.role === 'TEST');
  const nodes = [...new Set([...of.map((each) => each.node.toLowerCase()), node])];
  const rename = (name: string) => {
    const found = known?.properties.find((each) => each.name === name);
    const next = found?.node.toLowerCase() ?? node;
    if (next === node) return onChange({ [node]: { ...inner, property: name } });
    return retype(next, name);
  };
  const retype = (next: string, name: string) => {
    const words = known?.properties.find((each) => each.name === name && each.node === next.toUpperCase())?.words;
    const first = firstTest(words ?? vocabulary.testsOf(next));
    onChange({ [next]: { property: name, is: first ? { [first.name]: startValue(first.value, first.name) } : {} } });
  };
  return (
    <>
      <NameField
        label="Property"
        value={name}
        names={[...new Set((known?.properties ?? []).map((each) => each.name))].map((value) => ({ value }))}
        onChange={rename}
      />
      {(nodes.length > 1 || of.length === 0) && (
        <select aria-label="Type of the property" value={node} onChange={(event) => retype(event.target.value, name)}>
          {(of.length === 0 ? kinds : nodes).map((kind) => <option key={kind} value={kind}>as {kind}</option>)}
        </select>
      )}
      <OneOf
        label="Property"
        node={node}
        words={words}
        value={isRecord(inner.is) ? inner.is : {}}
        vocabulary={vocabulary}
        source={known && name ? { event: known.name, property: name } : null}
        onChange={(is) => onChange({ [node]: { ...inner, is } })}
      />
    </>
  );
}

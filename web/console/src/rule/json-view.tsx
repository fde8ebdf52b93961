import { useEffect, useState } from 'react';
import type { RuleHistory } from './history';
import { fromRule, toRule } from './tree';

/** The rule as JSON. What is written here changes the rule as soon as it has the shape of one. */
export function JsonView({ history }: { history: RuleHistory }) {
  const stored = JSON.stringify(toRule(history.root), null, 2);
  const [text, setText] = useState(stored);
  const [wrong, setWrong] = useState<string | null>(null);
  // Undo and redo change the rule from outside.
  useEffect(() => {
    setText((text) => (isSame(text, stored) ? text : stored));
    setWrong(null);
  }, [stored]);
  return (
    <label className="json-view">
      <span className="hint">The rule as <code>ruleJson</code> takes it. Changes here are changes of the rule.</span>
      <textarea
        className="code"
        spellCheck={false}
        rows={Math.min(30, stored.split('\n').length + 2)}
        value={text}
        aria-invalid={wrong !== null}
        onChange={(event) => {
          const text = event.target.value;
          setText(text);
          try {
            const root = fromRule(JSON.parse(text));
            setWrong(null);
            if (!isSame(text, stored)) history.change(() => root, 'json');
          } catch (error) {
            setWrong(error instanceof Error ? error.message : String(error));
          }
        }}
      />
      {wrong !== null && <span className="problem" role="status">{wrong}</span>}
    </label>
  );
}

/** Whether a text says the rule that is stored, perhaps in other words: an outer `all` of one condition is that condition. */
function isSame(text: string, stored: string): boolean {
  try {
    return JSON.stringify(toRule(fromRule(JSON.parse(text)))) === JSON.stringify(JSON.parse(stored));
  } catch {
    return false;
  }
}

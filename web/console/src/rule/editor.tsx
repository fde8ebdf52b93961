// The rule editor: the tree of cards, undo and redo, the JSON view, and problems on top.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { graphiqlAddress } from '../api/place';
import { capital } from '../api/errors';
import { count } from '../ui/format';
import { Icon } from '../ui/icon';
import { Notice } from '../ui/notice';
import { AddCondition } from './add-condition';
import { Card } from './card';
import { EditingContext, type Editing } from './context';
import type { RuleHistory } from './history';
import { JsonView } from './json-view';
import type { Preview } from './preview';
import { append, find, fromJson, toRule, type RuleTree } from './tree';
import type { Vocabulary } from './vocabulary';

interface Props {
  history: RuleHistory;
  preview: Preview;
  vocabulary: Vocabulary;
  /** A condition to open, such as one without a value; each new object opens it again. */
  shown?: { id: number } | null;
}

const GRAPHIQL_QUERY = `query Preview($rule: JSON!) {
  previewSegment(ruleJson: $rule) {
    memberCount
    share
    summary
    nodes { path text matchCount }
    sample { email }
    problems { path message hint }
  }
}
`;

export function RuleEditor({ history, preview, vocabulary, shown = null }: Props) {
  const [openId, open] = useState<number | null>(null);
  const [addingTo, addTo] = useState<number | null>(null);
  const [isJson, setJson] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const wish = useRef<{ id: number; inside: boolean } | null>(null);

  const focus = useCallback((id: number, inside = false) => {
    wish.current = { id, inside };
  }, []);
  // After every render: the card that should have the focus may have been rendered only now.
  useEffect(() => {
    const wanted = wish.current;
    if (!wanted) return;
    const card = box.current?.querySelector<HTMLElement>(`[data-node="${wanted.id}"]`);
    if (!card) return;
    wish.current = null;
    const control = wanted.inside ? firstControl(card) : null;
    (control ?? card).focus();
  });

  useEffect(() => {
    if (!shown) return;
    setJson(false);
    open(shown.id);
    focus(shown.id, true);
  }, [shown, focus]);

  const editing = useMemo<Editing>(
    () => ({ history, preview, vocabulary, openId, open, focus, addTo }),
    [history, preview, vocabulary, openId, focus],
  );
  const choose = (tree: RuleTree) => {
    const added = tree.kind === 'branch' ? tree : fromJsonAgain(tree);
    history.change((root) => append(root, addingTo!, added));
    addTo(null);
    open(added.id);
    focus(added.id, true);
  };
  const rule = toRule(history.root);

  return (
    <EditingContext value={editing}>
      <div
        className="editor"
        ref={box}
        onKeyDown={(event) => {
          // Inside a text field these keys undo typing there.
          if (!(event.ctrlKey || event.metaKey) || (event.target as Element).matches('input:not([type=checkbox]), textarea')) return;
          const key = event.key.toLowerCase();
          if (key !== 'z' && key !== 'y') return;
          event.preventDefault();
          if (key === 'y' || event.shiftKey) history.redo();
          else history.undo();
        }}
      >
        <div className="toolbar" role="toolbar" aria-label="Rule">
          <button type="button" className="quiet" disabled={!history.canUndo} onClick={history.undo}><Icon name="undo" /> Undo</button>
          <button type="button" className="quiet" disabled={!history.canRedo} onClick={history.redo}><Icon name="redo" /> Redo</button>
          <span className="gap" />
          <button type="button" className="quiet" aria-pressed={isJson} onClick={() => setJson(!isJson)}>JSON</button>
          <a className="button quiet" href={graphiqlAddress(GRAPHIQL_QUERY, { rule })} target="_blank" rel="noreferrer">Open in GraphiQL</a>
        </div>
        <Problems preview={preview} onOpen={(id) => { if (find(history.root, id)?.kind === 'leaf') open(id); focus(id, true); }} />
        {isJson ? <JsonView history={history} /> : <Card tree={history.root} parent={null} />}
        <details className="keys">
          <summary>Keyboard shortcuts</summary>
          <p className="hint">
            On a card: <kbd>Enter</kbd> opens it, <kbd>Alt ↑</kbd> <kbd>Alt ↓</kbd> move it, <kbd>Alt →</kbd> moves it into the group
            beside it, <kbd>Alt ←</kbd> out of its group, <kbd>Alt D</kbd> duplicates it, <kbd>Del</kbd> removes it.
            {' '}<kbd>Ctrl Z</kbd> undoes, <kbd>Ctrl Shift Z</kbd> does it again.
          </p>
        </details>
      </div>
      {addingTo !== null && <AddCondition vocabulary={vocabulary} onChoose={choose} onClose={() => addTo(null)} />}
    </EditingContext>
  );
}

/** Returns the control of a card that is used first: the value where one test is usual, or the test. */
function firstControl(inCard: Element): HTMLElement | null {
  const card = inCard.closest('.card');
  return card?.querySelector<HTMLElement>('.controls.value-first .combobox input')
    ?? card?.querySelector<HTMLElement>('.controls [data-first]')
    ?? card?.querySelector<HTMLElement>('.controls :is(input, select)') ?? null;
}

/** Returns a node with a new id: entries of the list may be chosen more than once. */
function fromJsonAgain(tree: RuleTree): RuleTree {
  return tree.kind === 'leaf' ? { ...fromJson({ [tree.node]: tree.body }) } : tree;
}

function Problems({ preview, onOpen }: { preview: Preview; onOpen(id: number): void }) {
  const { problems } = preview;
  // A condition without a value says so on its card: it is not wrong yet.
  if (problems.length === 0) return null;
  return (
    <Notice kind="warning" title={`${count(problems.length, 'problem', 'problems')} to mend`}>
      <ul className="problem-list">
        {problems.map(({ id, text, hint }, index) => (
          <li key={index}>
            {id === undefined ? capital(text) : <button type="button" className="link" onClick={() => onOpen(id)}>{capital(text)}</button>}
            {hint && `; ${hint}`}
          </li>
        ))}
      </ul>
    </Notice>
  );
}

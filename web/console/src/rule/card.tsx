// A card for each node of a rule: its words, its exact count, and what can be done with it.
import { useId, type DragEvent, type KeyboardEvent, type ReactNode } from 'react';
import { formatNumber, formatShare, people } from '../ui/format';
import { Icon } from '../ui/icon';
import { Menu } from '../ui/menu';
import { Condition } from './condition';
import { useEditing } from './context';
import { denyOnce } from './denied';
import { describeField, type Vocabulary } from './vocabulary';
import {
  duplicate, move, moveBefore, moveIn, moveOut, negation, remove as removeNode, replace, unwrap, wrap, type Branch, type Leaf, type RuleTree,
} from './tree';

interface CardProps {
  tree: RuleTree;
  /** The branch that the card is in. */
  parent: Branch | null;
  isFirst?: boolean;
  isLast?: boolean;
}

export function Card(props: CardProps) {
  const { tree } = props;
  if (tree.kind === 'branch') return <BranchCard {...props} tree={tree} />;
  if (tree.kind === 'leaf') return <LeafCard {...props} tree={tree} leaf={tree} />;
  if (tree.child.kind === 'leaf') return <LeafCard {...props} tree={tree} leaf={tree.child} />;
  return <NotCard {...props} tree={tree} />;
}

const joiners = { all: 'and', any: 'or' } as const;

function BranchCard({ tree, parent, isFirst, isLast }: CardProps & { tree: Branch }) {
  const { history, addTo } = useEditing();
  const titleId = useId();
  const setOp = (op: string) => history.change((root) => replace(root, tree.id, (node) => ({ ...(node as Branch), op: op === 'any' ? 'any' : 'all' })));
  return (
    <Shell tree={tree} parent={parent} isFirst={isFirst} isLast={isLast} className="branch" name={tree.op === 'all' ? 'all of' : 'any of'}>
      <div className="card-head">
        <span className="card-title" id={titleId}>
          <select
            aria-label="How the conditions are combined"
            data-node={tree.id}
            value={tree.op}
            onChange={(event) => setOp(event.target.value)}
          >
            <option value="all">All of these</option>
            <option value="any">Any of these</option>
          </select>
        </span>
        <Count id={tree.id} parent={parent} />
        {parent && <CardMenu tree={tree} parent={parent} isFirst={isFirst} isLast={isLast} name={tree.op === 'all' ? 'the group “all of these”' : 'the group “any of these”'} />}
      </div>
      {tree.children.length > 0 && (
        <ul className={`cards ${tree.op}`} aria-labelledby={titleId}>
          {tree.children.map((child, index) => (
            <li key={focusableId(child)}>
              {index > 0 && <span className="joiner">{joiners[tree.op]}</span>}
              <Card tree={child} parent={tree} isFirst={index === 0} isLast={index === tree.children.length - 1} />
            </li>
          ))}
        </ul>
      )}
      <button type="button" className="add" data-add={tree.id} onClick={() => addTo(tree.id)}>
        <Icon name="plus" /> {tree.children.length === 0 ? 'Add the first condition' : parent ? 'Add a condition here' : 'Add a condition'}
      </button>
    </Shell>
  );
}

function NotCard({ tree, parent, isFirst, isLast }: CardProps & { tree: Extract<RuleTree, { kind: 'not' }> }) {
  return (
    <Shell tree={tree} parent={parent} isFirst={isFirst} isLast={isLast} className="branch" name="not">
      <div className="card-head">
        <span className="card-title"><span className="not" data-node={tree.id} tabIndex={-1}>Not</span> what follows</span>
        <Count id={tree.id} parent={parent} />
        {parent && <CardMenu tree={tree} parent={parent} isFirst={isFirst} isLast={isLast} name="“not”" />}
      </div>
      <ul className="cards"><li><Card tree={tree.child} parent={null} /></li></ul>
    </Shell>
  );
}

function LeafCard({ tree, leaf, parent, isFirst, isLast }: CardProps & { leaf: Leaf }) {
  const { preview, vocabulary, history, openId, open, focus } = useEditing();
  const { Delete: remove } = useCardActions(tree, parent);
  const isOpen = openId === leaf.id;
  const bodyId = useId();
  const isNot = tree.kind === 'not';
  const isIncomplete = preview.incomplete.includes(leaf.id);
  const text = preview.counts.get(leaf.id)?.text;
  const none = isNot && text !== undefined ? denyOnce(text) : null;
  const words = isIncomplete ? whatIsMissing(leaf, vocabulary) : none ?? text ?? 'A condition';
  const problems = preview.problems.filter((problem) => problem.id === leaf.id);
  const warnings = preview.warnings.filter((warning) => warning.id === leaf.id);
  return (
    <Shell tree={tree} parent={parent} isFirst={isFirst} isLast={isLast} className={`leaf ${problems.length ? 'wrong' : ''}`} name={words}>
      <div className="card-head">
        <button
          type="button"
          className="card-title"
          aria-expanded={isOpen}
          aria-controls={bodyId}
          data-node={leaf.id}
          onClick={() => open(isOpen ? null : leaf.id)}
        >
          {isNot && (isIncomplete || none === null) && <span className="not">Not</span>}
          <span className={`words ${isIncomplete ? 'missing' : ''}`}>{words}</span>
          <Icon name="edit" />
        </button>
        <Count id={tree.id} parent={parent} isIncomplete={isIncomplete} />
        {parent && <CardMenu tree={tree} parent={parent} isFirst={isFirst} isLast={isLast} name={words} />}
      </div>
      {problems.map((problem) => <p key={problem.text} className="problem"><Icon name="warning" /> {problem.text}{problem.hint && `; ${problem.hint}`}</p>)}
      {warnings.map((warning) => <p key={warning.text} className="remark"><Icon name="info" /> {warning.text}{warning.hint && `; ${warning.hint}`}</p>)}
      <div id={bodyId} className="card-body" hidden={!isOpen}>
        {isOpen && (
          <>
            <div className="row">
              <span className="row-label">people who</span>
              <select
                aria-label="Match or do not match"
                value={isNot ? 'not' : 'is'}
                onChange={(event) => {
                  const wantsNot = event.target.value === 'not';
                  if (wantsNot !== isNot) history.change((root) => (wantsNot ? replace(root, leaf.id, negation) : replace(root, tree.id, () => leaf)));
                }}
              >
                <option value="is">{leaf.node === 'event' ? 'did this' : 'match this'}</option>
                <option value="not">{leaf.node === 'event' ? 'did not do this' : 'do not match this'}</option>
              </select>
              {isNot && preview.counts.has(leaf.id) && <span className="hint">{people(preview.counts.get(leaf.id)!.matchCount)} match it and are left out</span>}
            </div>
            <Condition
              leaf={leaf}
              vocabulary={vocabulary}
              onChange={(body) => history.change((root) => replace(root, leaf.id, (node) => ({ ...(node as Leaf), body })), `body ${leaf.id}`)}
            />
            <div className="row end">
              {parent && <button type="button" className="quiet" onClick={remove}>Remove</button>}
              <button type="button" onClick={() => { open(null); focus(leaf.id); }}>Done</button>
            </div>
          </>
        )}
      </div>
    </Shell>
  );
}

/** The frame of a card, with its keys and drag and drop. */
function Shell({ tree, parent, className, name, children }: CardProps & { className: string; name: string; children: ReactNode }) {
  const { history, focus, openId } = useEditing();
  const keys = useCardActions(tree, parent);
  const onKeyDown = (event: KeyboardEvent) => {
    if (!parent || !(event.target as Element).matches('[data-node]')) return;
    const action = event.altKey ? keys[`Alt+${event.key}`] : event.key === 'Delete' ? keys.Delete : undefined;
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };
  const drag = parent && {
    // Text in the fields of an open card must stay selectable.
    draggable: openId === null,
    onDragStart: (event: DragEvent) => {
      event.stopPropagation();
      event.dataTransfer.setData('text/x-rollcall-node', String(tree.id));
      event.dataTransfer.effectAllowed = 'move';
    },
    onDragOver: (event: DragEvent) => {
      if (event.dataTransfer.types.includes('text/x-rollcall-node')) event.preventDefault();
    },
    onDrop: (event: DragEvent) => {
      const id = Number(event.dataTransfer.getData('text/x-rollcall-node'));
      if (!id) return;
      event.preventDefault();
      event.stopPropagation();
      history.change((root) => moveBefore(root, id, tree.id));
      focus(id);
    },
  };
  return (
    <div className={`card ${className}`} role="group" aria-label={name} onKeyDown={onKeyDown} {...drag}>
      {children}
    </div>
  );
}

/** Returns the id under which a card takes the focus. It stays the same when a condition is negated. */
function focusableId(tree: RuleTree): number {
  return tree.kind === 'not' && tree.child.kind === 'leaf' ? tree.child.id : tree.id;
}

function useCardActions(tree: RuleTree, parent: Branch | null): Record<string, () => void> {
  const { history, focus } = useEditing();
  const moving = (change: (root: Branch, id: number) => Branch) => () => {
    history.change((root) => change(root, tree.id));
    focus(focusableId(tree));
  };
  return {
    'Alt+ArrowUp': moving((root, id) => move(root, id, -1)),
    'Alt+ArrowDown': moving((root, id) => move(root, id, 1)),
    'Alt+ArrowRight': moving(moveIn),
    'Alt+ArrowLeft': moving(moveOut),
    'Alt+d': moving(duplicate),
    Delete: () => {
      history.change((root) => removeNode(root, tree.id));
      if (parent) focus(parent.id);
    },
  };
}

interface CardMenuProps {
  tree: RuleTree;
  parent: Branch;
  isFirst?: boolean | undefined;
  isLast?: boolean | undefined;
  name: string;
}

function CardMenu({ tree, parent, isFirst = false, isLast = false, name }: CardMenuProps) {
  const { history, focus } = useEditing();
  const isOutermost = parent.id === history.root.id;
  const index = parent.children.findIndex((each) => each.id === tree.id);
  const hasGroupBeside = [index - 1, index + 1].some((place) => parent.children[place]?.kind === 'branch');
  const actions = useCardActions(tree, parent);
  const change = (by: (root: Branch, id: number) => Branch) => () => {
    history.change((root) => by(root, tree.id));
    focus(focusableId(tree));
  };
  return (
    <Menu label="More" name={`Actions: ${name}`} iconOnly>
      <button type="button" disabled={isFirst} onClick={actions['Alt+ArrowUp']}><Icon name="up" /> Move up <kbd>Alt ↑</kbd></button>
      <button type="button" disabled={isLast} onClick={actions['Alt+ArrowDown']}><Icon name="down" /> Move down <kbd>Alt ↓</kbd></button>
      <button type="button" disabled={!hasGroupBeside} onClick={actions['Alt+ArrowRight']}>Move into the group beside it <kbd>Alt →</kbd></button>
      <button type="button" disabled={isOutermost} onClick={actions['Alt+ArrowLeft']}>Move out of its group <kbd>Alt ←</kbd></button>
      <hr />
      <button type="button" onClick={change((root, id) => wrap(root, id, 'all'))}>Put into a group: all of</button>
      <button type="button" onClick={change((root, id) => wrap(root, id, 'any'))}>Put into a group: any of</button>
      <button type="button" onClick={change((root, id) => wrap(root, id, 'not'))}>Turn round with “not”</button>
      {tree.kind !== 'leaf' && <button type="button" onClick={change(unwrap)}>{tree.kind === 'not' ? 'Take “not” away' : 'Dissolve the group'}</button>}
      <hr />
      <button type="button" onClick={actions['Alt+d']}><Icon name="copy" /> Duplicate <kbd>Alt D</kbd></button>
      <button type="button" className="danger" onClick={actions.Delete}><Icon name="bin" /> Remove <kbd>Del</kbd></button>
    </Menu>
  );
}

/** Returns what a condition without a value is about. */
function whatIsMissing({ node, body }: Leaf, vocabulary: Vocabulary): string {
  const field = vocabulary.fieldOf(node, body.field);
  return field && node !== 'event' ? `${describeField(field)}: choose a value` : 'Choose a value';
}

/**
 * The count of a node with a bar. The bar's whole length is the audience. Its light part are the people of the node, its
 * dark part those of them who are in the result of the group around it.
 */
function Count({ id, parent, isIncomplete = false }: { id: number; parent: Branch | null; isIncomplete?: boolean }) {
  const { preview } = useEditing();
  const found = preview.counts.get(id);
  const audience = preview.answer?.audienceCount ?? 0;
  if (isIncomplete || !found || audience === 0) {
    return <span className="count"><span className="number">{isIncomplete ? 'not counted' : '–'}</span></span>;
  }
  const { matchCount } = found;
  const around = parent ? preview.counts.get(parent.id)?.matchCount : undefined;
  const common = around === undefined ? matchCount : Math.min(matchCount, around);
  const title = parent && around !== undefined
    ? parent.op === 'all'
      ? `${formatShare(matchCount ? common / matchCount : 0)} of these people match the whole group`
      : `${formatShare(around ? common / around : 0)} of the people in the group`
    : `${formatShare(matchCount / audience)} of the audience`;
  return (
    <span className={`count ${preview.isOld ? 'old' : ''}`} title={title}>
      <span className="number">{formatNumber(matchCount)}</span>
      <span className="hidden"> people, {title}</span>
      <svg className="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect className="bar-all" width="100" height="6" />
        <rect className="bar-node" width={(100 * matchCount) / audience} height="6" />
        <rect className="bar-common" width={(100 * common) / audience} height="6" />
      </svg>
    </span>
  );
}

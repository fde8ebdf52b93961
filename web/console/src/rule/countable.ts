// The part of a rule that can be counted: conditions without a value yet are left out, so that the others keep counts.
import { childrenOf, isRecord, type Branch, type Leaf, type RuleTree } from './tree';

export interface Countable {
  /** The rule to preview. */
  rule: unknown;
  /** The node of the editor at each path of that rule. */
  ids: Map<string, number>;
  /** Conditions that were left out because a value is missing. */
  incomplete: number[];
}

/** Returns what can be counted of a rule. */
export function toCountable(root: Branch): Countable {
  const countable: Countable = { rule: { everyone: true }, ids: new Map([['', root.id]]), incomplete: [] };
  const rule = build(root, '', countable);
  if (rule !== undefined) countable.rule = rule;
  return countable;
}

function build(tree: RuleTree, path: string, into: Countable): unknown {
  const below = (step: string) => (path ? `${path}.${step}` : step);
  if (tree.kind === 'branch') {
    const children: unknown[] = [];
    for (const child of tree.children) {
      const built = build(child, below(`${tree.op}[${children.length}]`), into);
      if (built !== undefined) children.push(built);
    }
    if (children.length === 0) return undefined;
    into.ids.set(path, tree.id);
    return { [tree.op]: children };
  }
  if (tree.kind === 'not') {
    const child = build(tree.child, below('not'), into);
    if (child === undefined) return undefined;
    into.ids.set(path, tree.id);
    return { not: child };
  }
  if (!isComplete(tree)) {
    into.incomplete.push(tree.id);
    return undefined;
  }
  into.ids.set(path, tree.id);
  return { [tree.node]: tree.node === 'everyone' ? true : tree.body };
}

/** Returns whether every value of a condition is filled in. */
export function isComplete({ node, body }: Leaf): boolean {
  if (Object.keys(body).length === 0) return false;
  if ('field' in body && !isRecord(body.is)) return false;
  if (node === 'event' && body.name === undefined && body.names === undefined) return false;
  return isFilled(body);
}

function isFilled(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return false;
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.length > 0 && value.every(isFilled);
  if (isRecord(value)) {
    const values = Object.values(value);
    return values.length > 0 && values.every(isFilled);
  }
  return true;
}

/** Returns the node that a path of the server points into: that of its longest known beginning. */
export function nodeAt(ids: Map<string, number>, path: string): number | undefined {
  let best: string | undefined;
  for (const known of ids.keys()) {
    const isBeginning = known === '' || path === known || path.startsWith(`${known}.`);
    if (isBeginning && (best === undefined || known.length > best.length)) best = known;
  }
  return best === undefined ? undefined : ids.get(best);
}

/** Returns how many conditions a rule has. */
export function countConditions(tree: RuleTree): number {
  if (tree.kind === 'leaf') return 1;
  return childrenOf(tree).reduce((sum, child) => sum + countConditions(child), 0);
}

// The rule as the editor holds it: the tree of docs/rules.md, with an id at every node so that cards keep their place.

export type Op = 'all' | 'any';

export interface Branch {
  id: number;
  kind: 'branch';
  op: Op;
  children: RuleTree[];
}

export interface Negation {
  id: number;
  kind: 'not';
  child: RuleTree;
}

/** A condition. `node` is its key in the JSON, such as `text` or `event`; `body` is the value under that key. */
export interface Leaf {
  id: number;
  kind: 'leaf';
  node: string;
  body: Body;
}

export type Body = Record<string, unknown>;
export type RuleTree = Branch | Negation | Leaf;

let lastId = 0;

export function newId(): number {
  lastId += 1;
  return lastId;
}

export function branch(op: Op, children: RuleTree[]): Branch {
  return { id: newId(), kind: 'branch', op, children };
}

export function negation(child: RuleTree): Negation {
  return { id: newId(), kind: 'not', child };
}

export function leaf(node: string, body: Body): Leaf {
  return { id: newId(), kind: 'leaf', node, body };
}

export function isRecord(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads a rule. Fails with a sentence if it does not have the shape of a node. The body of a condition is not checked. */
export function fromJson(json: unknown): RuleTree {
  if (!isRecord(json)) throw new Error('A node of a rule is an object, such as {"text": …}.');
  const keys = Object.keys(json);
  const node = keys[0];
  if (keys.length !== 1 || node === undefined) {
    throw new Error(`A node of a rule has exactly one key; this one has ${keys.length || 'none'}: ${keys.join(', ')}.`);
  }
  const under = json[node];
  if (node === 'all' || node === 'any') {
    if (!Array.isArray(under)) throw new Error(`Under "${node}" must be a list of nodes.`);
    return branch(node, under.map(fromJson));
  }
  if (node === 'not') return negation(fromJson(under));
  return leaf(node, isRecord(under) ? under : { value: under });
}

/** Reads a rule for the editor, whose outermost node is always `all` or `any`. */
export function fromRule(json: unknown): Branch {
  const tree = fromJson(json);
  if (tree.kind === 'branch') return tree;
  return branch('all', tree.kind === 'leaf' && tree.node === 'everyone' ? [] : [tree]);
}

export function toJson(tree: RuleTree): unknown {
  switch (tree.kind) {
    case 'branch':
      return { [tree.op]: tree.children.map(toJson) };
    case 'not':
      return { not: toJson(tree.child) };
    case 'leaf':
      return { [tree.node]: tree.node === 'everyone' ? true : tree.body };
  }
}

/** Returns the rule to store: without the outermost `all` or `any` where it holds one node, and everyone if it holds none. */
export function toRule(root: Branch): unknown {
  if (root.children.length === 0) return { everyone: true };
  return toJson(root.children.length === 1 ? root.children[0]! : root);
}

// --- Finding ---

export function find(tree: RuleTree, id: number): RuleTree | undefined {
  if (tree.id === id) return tree;
  for (const child of childrenOf(tree)) {
    const found = find(child, id);
    if (found) return found;
  }
  return undefined;
}

export function childrenOf(tree: RuleTree): RuleTree[] {
  if (tree.kind === 'branch') return tree.children;
  return tree.kind === 'not' ? [tree.child] : [];
}

function parentOf(tree: RuleTree, id: number): Branch | Negation | undefined {
  if (tree.kind === 'leaf') return undefined;
  for (const child of childrenOf(tree)) {
    if (child.id === id) return tree;
    const found = parentOf(child, id);
    if (found) return found;
  }
  return undefined;
}

// --- Changing. Each returns a new tree; nodes that did not change are the same objects. ---

export function replace<T extends RuleTree>(tree: T, id: number, by: (node: RuleTree) => RuleTree): T {
  if (tree.id === id) return by(tree) as T;
  if (tree.kind === 'branch') {
    const children = tree.children.map((child) => replace(child, id, by));
    return children.some((child, index) => child !== tree.children[index]) ? { ...tree, children } : tree;
  }
  if (tree.kind === 'not') {
    const child = replace(tree.child, id, by);
    return child === tree.child ? tree : { ...tree, child };
  }
  return tree;
}

/** Removes a node, and a `not` that would be left without one. */
export function remove(root: Branch, id: number): Branch {
  const parent = parentOf(root, id);
  if (!parent) return root;
  if (parent.kind === 'not') return remove(root, parent.id);
  return replace(root, parent.id, (node) => {
    const { children, ...rest } = node as Branch;
    return { ...rest, children: children.filter((child) => child.id !== id) };
  });
}

export function append(root: Branch, branchId: number, added: RuleTree): Branch {
  return replace(root, branchId, (node) => ({ ...(node as Branch), children: [...(node as Branch).children, added] }));
}

/** Returns a copy with ids of its own. */
export function copy(tree: RuleTree): RuleTree {
  return fromJson(structuredClone(toJson(tree)));
}

export function duplicate(root: Branch, id: number): Branch {
  return inSiblings(root, id, (children, index) => children.toSpliced(index + 1, 0, copy(children[index]!)));
}

export function wrap(root: Branch, id: number, into: Op | 'not'): Branch {
  return replace(root, id, (node) => (into === 'not' ? negation(node) : branch(into, [node])));
}

/** Puts the children of a node in its place. */
export function unwrap(root: Branch, id: number): Branch {
  const node = find(root, id);
  if (!node || node.kind === 'leaf') return root;
  if (node.kind === 'not') return replace(root, id, () => node.child);
  const parent = parentOf(root, id);
  if (parent?.kind === 'branch') {
    return inSiblings(root, id, (children, index) => children.toSpliced(index, 1, ...node.children));
  }
  return node.children.length === 1 ? replace(root, id, () => node.children[0]!) : root;
}

/** Moves a node up or down among its siblings. */
export function move(root: Branch, id: number, by: -1 | 1): Branch {
  return inSiblings(root, id, (children, index) => {
    const target = index + by;
    if (target < 0 || target >= children.length) return children;
    const moved = [...children];
    [moved[index], moved[target]] = [moved[target]!, moved[index]!];
    return moved;
  });
}

/** Moves a node into the group before it or, if there is none, after it. */
export function moveIn(root: Branch, id: number): Branch {
  return inSiblings(root, id, (children, index) => {
    const moving = children[index]!;
    for (const [position, atEnd] of [[index - 1, true], [index + 1, false]] as const) {
      const target = children[position];
      if (target?.kind !== 'branch') continue;
      const grown = { ...target, children: atEnd ? [...target.children, moving] : [moving, ...target.children] };
      return children.toSpliced(position, 1, grown).toSpliced(index, 1);
    }
    return children;
  });
}

/** Moves a node out of its group, behind it. */
export function moveOut(root: Branch, id: number): Branch {
  const parent = parentOf(root, id);
  if (parent?.kind !== 'branch' || parent.id === root.id) return root;
  const moving = find(root, id)!;
  const without = replace(root, parent.id, (node) => ({
    ...(node as Branch), children: (node as Branch).children.filter((child) => child.id !== id),
  }));
  // Behind the group, or behind the `not` around it.
  const holder = holderOf(without, parent.id);
  return inSiblings(without, holder, (children, index) => children.toSpliced(index + 1, 0, moving));
}

/** Moves a node before another, as drag and drop does. Nothing happens if the target lies in the moved node. */
export function moveBefore(root: Branch, id: number, targetId: number): Branch {
  const moving = find(root, id);
  if (!moving || id === targetId || find(moving, targetId)) return root;
  const without = remove(root, id);
  if (!find(without, targetId)) return root;
  return inSiblings(without, targetId, (children, index) => children.toSpliced(index, 0, moving));
}

/** Returns the id of a node or of the negations around it: the id in the list of a branch. */
function holderOf(root: Branch, id: number): number {
  const parent = parentOf(root, id);
  return parent?.kind === 'not' ? holderOf(root, parent.id) : id;
}

function inSiblings(root: Branch, id: number, change: (children: RuleTree[], index: number) => RuleTree[]): Branch {
  const holder = holderOf(root, id);
  const parent = parentOf(root, holder);
  if (parent?.kind !== 'branch') return root;
  return replace(root, parent.id, (node) => {
    const { children } = node as Branch;
    const changed = change(children, children.findIndex((child) => child.id === holder));
    return changed === children ? node : { ...(node as Branch), children: changed };
  });
}

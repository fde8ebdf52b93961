import { useState } from 'react';
import { useClient, useQuery } from 'urql';
import { describeError, describeUserErrors } from '../api/errors';
import { graphql } from '../api/graphql';
import { useShell } from '../api/shell';
import { describeActor } from '../ui/actor';
import { Dialog } from '../ui/dialog';
import { Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Notice } from '../ui/notice';
import { Panel } from '../ui/page';
import { toast } from '../ui/toasts';
import { deny } from '../rule/denied';
import { Difference } from '../ui/difference';
import type { SegmentData } from './segment';

const ruleQuery = graphql(`
  query SegmentRule($key: String!) {
    segment(key: $key) {
      id version definitionVersion
      ruleNodes { path parentPath kind text }
      definitions(first: 50) { nodes { version summary rule createdAt writtenBy { kind name keyPrefix } } }
    }
  }
`);

const restoreMutation = graphql(`
  mutation RestoreRule($input: RestoreSegmentDefinitionInput!) {
    restoreSegmentDefinition(input: $input) { segment { id version } userErrors { path message hint code } }
  }
`);

interface Node {
  path: string;
  parentPath: string | null;
  kind: string;
  text: string;
}

/** The nodes of a rule as nested lists of words. */
export function RuleWords({ nodes, parent = null }: { nodes: readonly Node[]; parent?: string | null }) {
  const here = nodes.filter((node) => node.parentPath === parent);
  if (here.length === 0) return null;
  return (
    <ul className="rule-words">
      {here.map((node) => {
        const denied = node.kind === 'NOT' ? nodes.filter((each) => each.parentPath === node.path) : [];
        const isLine = denied.length === 1 && nodes.every((each) => each.parentPath !== denied[0]!.path);
        return <li key={node.path}>{isLine ? deny(denied[0]!.text) : <>{node.text}<RuleWords nodes={nodes} parent={node.path} /></>}</li>;
      })}
    </ul>
  );
}

const unreadable = 'A rule that this server cannot read';

export function SegmentRule({ segment, onChanged }: { segment: SegmentData; onChanged(): void }) {
  const { canWrite } = useShell();
  const [{ data, error }] = useQuery({ query: ruleQuery, variables: { key: segment.key } });
  const [restoring, setRestoring] = useState<Definition | null>(null);
  const found = data?.segment;
  if (error) return <Notice kind="error" title="The rule could not be loaded"><p>{describeError(error)}</p></Notice>;
  if (!found) return <Loading what="the rule" />;
  const versions = [...found.definitions.nodes].sort((a, b) => b.version - a.version);
  return (
    <div className="columns wide">
      <Panel title="The rule"><RuleWords nodes={found.ruleNodes} /></Panel>
      <Panel title="Versions">
        <ol className="versions" reversed>
          {versions.map((version, index) => (
            <li key={version.version} data-version={version.version}>
              <div className="panel-head">
                <strong>Version {version.version}{version.version === found.definitionVersion && ', the present one'}</strong>
                <small className="hint"><Moment at={version.createdAt} exact />{version.writtenBy && `, by ${describeActor(version.writtenBy)}`}</small>
                {canWrite && version.version !== found.definitionVersion && (
                  <button type="button" onClick={() => setRestoring(version)}>Restore<span className="hidden"> version {version.version}</span></button>
                )}
              </div>
              <Difference before={(versions[index + 1] ?? version).summary ?? unreadable} after={version.summary ?? unreadable} />
            </li>
          ))}
        </ol>
      </Panel>
      {restoring && (
        <RestoreDialog
          segment={segment}
          version={found.version}
          definition={restoring}
          onClose={() => setRestoring(null)}
          onDone={() => { setRestoring(null); onChanged(); }}
        />
      )}
    </div>
  );
}

interface Definition {
  version: number;
  summary: string | null;
  rule: unknown;
}

function RestoreDialog({ segment, version, definition, onClose, onDone }: { segment: SegmentData; version: number; definition: Definition; onClose(): void; onDone(): void }) {
  const client = useClient();
  const [wrong, setWrong] = useState<string | null>(null);
  const restore = async () => {
    const input = { id: segment.id, ifVersion: version, definitionVersion: definition.version };
    const { data, error } = await client.mutation(restoreMutation, { input }).toPromise();
    const problem = error ? describeError(error) : describeUserErrors(data?.restoreSegmentDefinition.userErrors);
    setWrong(problem);
    if (problem !== null) return;
    toast(`Version ${definition.version} is the present rule again`);
    onDone();
  };
  return (
    <Dialog title={`Restore version ${definition.version}?`} onClose={onClose} wide>
      <div className="versus">
        <section><h3>Now</h3><Difference before={segment.summary ?? unreadable} after={definition.summary ?? unreadable} only="before" /></section>
        <section><h3>Afterwards</h3><Difference before={segment.summary ?? unreadable} after={definition.summary ?? unreadable} only="after" /></section>
      </div>
      <p className="hint">The old rule becomes the newest version; no version is lost. A refresh then finds the members.</p>
      {wrong && <Notice kind="error" title="It was not restored"><p>{wrong}</p></Notice>}
      <div className="actions end"><button type="button" onClick={onClose}>Cancel</button><button type="button" className="primary" onClick={() => void restore()}>Restore</button></div>
    </Dialog>
  );
}

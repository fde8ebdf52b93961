import { useState } from 'react';
import { useClient, useQuery } from 'urql';
import { Link } from 'wouter';
import { describeError, describeUserErrors } from '../api/errors';
import { graphql, type ResultOf } from '../api/graphql';
import { useShell } from '../api/shell';
import { words } from '../ui/badge';
import { Dialog } from '../ui/dialog';
import { Loading } from '../ui/loading';
import { Notice } from '../ui/notice';
import { Empty, Page } from '../ui/page';
import { Pager, PAGE_SIZE, usePaging } from '../ui/pager';
import { toast } from '../ui/toasts';
import { toKey } from './edit-segment';

const fieldsQuery = graphql(`
  query Fields($first: Int!, $after: String) {
    customFields(first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { id key label type version usedBy { id key name } }
    }
  }
`);

const createMutation = graphql(`
  mutation CreateField($input: CreateCustomFieldInput!) {
    createCustomField(input: $input) { customField { id } userErrors { path message hint code } }
  }
`);
const updateMutation = graphql(`
  mutation UpdateField($input: UpdateCustomFieldInput!) {
    updateCustomField(input: $input) { customField { id } userErrors { path message hint code } }
  }
`);
const deleteMutation = graphql(`
  mutation DeleteField($input: DeleteCustomFieldInput!) {
    deleteCustomField(input: $input) { deletedId userErrors { path message hint code } }
  }
`);

type Field = ResultOf<typeof fieldsQuery>['customFields']['nodes'][number];
const types = ['TEXT', 'NUMBER', 'DATE', 'DATETIME', 'BOOLEAN', 'LIST'] as const;

export function Fields() {
  const { canWrite } = useShell();
  const paging = usePaging();
  const [editing, setEditing] = useState<Field | 'new' | null>(null);
  const [deleting, setDeleting] = useState<Field | null>(null);
  const [{ data, error }, again] = useQuery({ query: fieldsQuery, variables: { first: PAGE_SIZE, after: paging.after } });
  const fields = data?.customFields;
  const close = () => {
    setEditing(null);
    setDeleting(null);
    again({ requestPolicy: 'network-only' });
  };
  return (
    <Page title="Fields" lead="Your own fields, beside name, country and the like." actions={canWrite && <button type="button" className="primary" onClick={() => setEditing('new')}>New field</button>}>
      {error && <Notice kind="error" title="The fields could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!fields && !error && <Loading what="fields" />}
      {fields && fields.nodes.length === 0 && <Empty>No field of your own yet.</Empty>}
      {fields && fields.nodes.length > 0 && (
        <>
          <div className="table-box">
            <table>
              <thead><tr><th>Field</th><th>Key</th><th>Type</th><th>Used by</th>{canWrite && <th><span className="hidden">Actions</span></th>}</tr></thead>
              <tbody>
                {fields.nodes.map((field) => (
                  <tr key={field.id}>
                    <th scope="row">{field.label}</th>
                    <td data-label="Key"><code>{field.key}</code></td>
                    <td data-label="Type">{words(field.type)}</td>
                    <td data-label="Used by">{field.usedBy.length === 0 ? 'no segment' : field.usedBy.map(({ id, key, name }) => <span key={id} className="tag"><Link href={`/segments/${key}`}>{name}</Link></span>)}</td>
                    {canWrite && (
                      <td className="row-actions">
                        <div className="actions">
                          <button type="button" className="quiet" onClick={() => setEditing(field)}>Change<span className="hidden"> {field.label}</span></button>
                          <button type="button" className="quiet" onClick={() => setDeleting(field)}>Delete<span className="hidden"> {field.label}</span></button>
                        </div>
                      </td>
                    )}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <Pager paging={paging} shown={fields.nodes.length} totalCount={fields.totalCount} pageInfo={fields.pageInfo} what="fields" />
        </>
      )}
      {editing && <FieldDialog field={editing === 'new' ? null : editing} onClose={close} />}
      {deleting && <DeleteDialog field={deleting} onClose={close} />}
    </Page>
  );
}

function FieldDialog({ field, onClose }: { field: Field | null; onClose(): void }) {
  const client = useClient();
  const [label, setLabel] = useState(field?.label ?? '');
  const [key, setKey] = useState(field?.key ?? '');
  const [type, setType] = useState<(typeof types)[number]>(field?.type ?? 'TEXT');
  const [wrong, setWrong] = useState<string | null>(null);
  const asKey = (label: string) => toKey(label).replaceAll('-', '_').replace(/^[^a-z]+/, '');
  const save = async () => {
    const answer = field
      ? await client.mutation(updateMutation, { input: { id: field.id, label: label.trim(), type, ifVersion: field.version } }).toPromise()
      : await client.mutation(createMutation, { input: { key, label: label.trim(), type } }).toPromise();
    const data = answer.data as Partial<ResultOf<typeof createMutation> & ResultOf<typeof updateMutation>> | undefined;
    const problem = answer.error ? describeError(answer.error) : describeUserErrors((data?.createCustomField ?? data?.updateCustomField)?.userErrors);
    setWrong(problem);
    if (problem !== null) return;
    toast(field ? 'The field was changed' : 'The field was added');
    onClose();
  };
  return (
    <Dialog title={field ? `Change ${field.label}` : 'New field'} onClose={onClose}>
      <form className="form" onSubmit={(event) => { event.preventDefault(); void save(); }}>
        <label className="field">Name<input required value={label} onChange={(event) => { if (!field && key === asKey(label)) setKey(asKey(event.target.value)); setLabel(event.target.value); }} /></label>
        <label className="field">Key<input required readOnly={field !== null} className="code" value={key} onChange={(event) => setKey(event.target.value)} /></label>
        <label className="field">
          Type
          <select value={type} onChange={(event) => setType(event.target.value as typeof type)}>{types.map((each) => <option key={each} value={each}>{words(each)}</option>)}</select>
          {field && <small className="hint">Another type is refused while values do not fit it or rules use the field.</small>}
        </label>
        {wrong && <Notice kind="error" title="It was not saved"><p className="lines">{wrong}</p></Notice>}
        <div className="actions end"><button type="button" onClick={onClose}>Cancel</button><button type="submit" className="primary">Save</button></div>
      </form>
    </Dialog>
  );
}

function DeleteDialog({ field, onClose }: { field: Field; onClose(): void }) {
  const client = useClient();
  const [wrong, setWrong] = useState<string | null>(null);
  const remove = async () => {
    const { data, error } = await client.mutation(deleteMutation, { input: { id: field.id, ifVersion: field.version } }).toPromise();
    const problem = error ? describeError(error) : describeUserErrors(data?.deleteCustomField.userErrors);
    setWrong(problem);
    if (problem !== null) return;
    toast('The field was deleted');
    onClose();
  };
  return (
    <Dialog title={`Delete the field “${field.label}”?`} onClose={onClose}>
      <p>Its values of all people go with it. It cannot be undone.</p>
      {wrong && <Notice kind="error" title="It was not deleted"><p className="lines">{wrong}</p></Notice>}
      <div className="actions end"><button type="button" onClick={onClose}>Cancel</button><button type="button" className="danger" onClick={() => void remove()}>Delete</button></div>
    </Dialog>
  );
}

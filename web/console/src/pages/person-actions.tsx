import { useState } from 'react';
import { useClient } from 'urql';
import { useLocation } from 'wouter';
import { describeError, describeUserErrors } from '../api/errors';
import { saveFile } from '../api/download';
import { graphql } from '../api/graphql';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Menu } from '../ui/menu';
import { Notice } from '../ui/notice';
import { toast } from '../ui/toasts';

const personalDataQuery = graphql(`
  query PersonalData($id: ID!) { subscriber(id: $id) { id personalData } }
`);

const deleteMutation = graphql(`
  mutation DeletePerson($input: DeleteSubscriberInput!) {
    deleteSubscriber(input: $input) { deletedId userErrors { path message hint code } }
  }
`);

interface Props {
  person: { id: string; email: string };
  canWrite: boolean;
}

export function PersonActions({ person, canWrite }: Props) {
  const client = useClient();
  const [isDeleting, setDeleting] = useState(false);
  const save = async () => {
    const { data, error } = await client.query(personalDataQuery, { id: person.id }, { requestPolicy: 'network-only' }).toPromise();
    if (error || !data?.subscriber) return toast(error ? describeError(error) : 'This person does not exist any more');
    const text = JSON.stringify(data.subscriber.personalData, null, 2);
    saveFile(new Blob([text], { type: 'application/json' }), 'personal-data.json');
    return undefined;
  };
  return (
    <>
      <Menu label="More" name="More actions">
        <button type="button" onClick={() => void save()}><Icon name="import" /> Save all that is held as JSON</button>
        {canWrite && <button type="button" className="danger" onClick={() => setDeleting(true)}><Icon name="bin" /> Delete this person</button>}
      </Menu>
      {isDeleting && <DeleteDialog person={person} onClose={() => setDeleting(false)} />}
    </>
  );
}

function DeleteDialog({ person, onClose }: { person: Props['person']; onClose(): void }) {
  const client = useClient();
  const [, navigate] = useLocation();
  const [typed, setTyped] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const remove = async () => {
    const { data, error } = await client.mutation(deleteMutation, { input: { id: person.id } }).toPromise();
    const problem = error ? describeError(error) : describeUserErrors(data?.deleteSubscriber.userErrors);
    setWrong(problem);
    if (problem !== null) return;
    toast('The person was deleted');
    navigate('/people');
  };
  return (
    <Dialog title="Delete this person?" onClose={onClose}>
      <form className="form" onSubmit={(event) => { event.preventDefault(); void remove(); }}>
        <p>Everything that is held about the person goes: values, events, groups, segments and their history. It cannot be undone.</p>
        <label className="field">
          Type the address <strong>{person.email}</strong> to confirm
          <input autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
        </label>
        {wrong && <Notice kind="error" title="Nothing was deleted"><p>{wrong}</p></Notice>}
        <div className="actions end">
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="submit" className="danger" disabled={typed.trim().toLowerCase() !== person.email.toLowerCase()}>Delete</button>
        </div>
      </form>
    </Dialog>
  );
}

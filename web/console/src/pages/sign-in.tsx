import { useEffect, useState } from 'react';
import { signIn } from '../api/session';
import { Notice } from '../ui/notice';

export function SignIn({ onSignedIn }: { onSignedIn(): void }) {
  const [key, setKey] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    document.title = 'Sign in · Rollcall';
  }, []);
  const submit = async () => {
    setBusy(true);
    const problem = await signIn(key.trim());
    setBusy(false);
    setWrong(problem);
    if (problem === null) {
      setKey('');
      onSignedIn();
    }
  };
  return (
    <main className="lonely">
      <form
        className="sign-in panel"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <h1>Sign in to Rollcall</h1>
        <label className="field">
          API key
          <input
            type="password"
            autoComplete="current-password"
            required
            autoFocus
            value={key}
            onChange={(event) => setKey(event.target.value)}
          />
        </label>
        {wrong && <Notice kind="error" title={wrong} />}
        <button type="submit" className="primary" disabled={isBusy || key.trim() === ''}>{isBusy ? 'Signing in…' : 'Sign in'}</button>
        <p className="hint">
          Your administrator makes keys with <code>rollcall key create</code> or on the page “API keys”. The key is sent once and
          not stored in this browser.
        </p>
      </form>
    </main>
  );
}

import { Component, type ReactNode } from 'react';
import { Notice } from './notice';

/** Shows a message in place of a page that failed. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { message: string | null }> {
  override state = { message: null };

  static getDerivedStateFromError(error: unknown) {
    return { message: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    if (this.state.message === null) return this.props.children;
    return (
      <Notice kind="error" title="This page failed">
        <p>{this.state.message}</p>
        <button type="button" onClick={() => location.reload()}>Load it again</button>
      </Notice>
    );
  }
}

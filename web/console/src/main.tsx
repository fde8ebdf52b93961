import './styles/base.css';
import './styles/layout.css';
import './styles/parts.css';
import './styles/rule.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Router } from 'wouter';
import { home } from './api/place';
import { App } from './app';

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Router base={home}>
      <App />
    </Router>
  </StrictMode>,
);

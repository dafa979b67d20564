// The view library: Preact with hooks, and htm for its markup.
import { h } from './vendor/preact/preact.js';
import htm from './vendor/htm/htm.js';

export { h, render, Component, Fragment, createContext } from './vendor/preact/preact.js';
export {
  useState, useReducer, useEffect, useLayoutEffect, useRef, useMemo, useCallback, useContext, useErrorBoundary, useId,
} from './vendor/preact/hooks.js';
export const html = htm.bind(h);

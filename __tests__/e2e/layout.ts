import type { Page } from 'playwright-core';

/** The layout of a page on which all is in its place. */
export const FITS = { tooHigh: 0, tooWide: 0, sticksOut: [], composerIsInSight: true };

/** How far the document overflows, what sticks out of it sideways, and whether one can write. */
export function layout(page: Page) {
  return page.evaluate(() => {
    const root = document.scrollingElement!;
    const sticksOut = [...document.querySelectorAll('#chat *')]
      .filter((element) => element.checkVisibility({ visibilityProperty: true }))
      .filter((element) => !(element instanceof SVGElement))
      .filter((element) => {
        const { left, right } = element.getBoundingClientRect();
        // What a narrower ancestor cuts off on purpose, with an ellipsis, is cut off in good order.
        const isCut =
          element.closest('.name, .title h1, #typing, .visually-hidden, .follows .by') !== null;
        return !isCut && (left < -0.5 || right > innerWidth + 0.5);
      })
      .map((element) => `${element.tagName} #${element.id} .${element.className}`);
    const { top, bottom, left, right } = document
      .querySelector('#composer')!
      .getBoundingClientRect();
    return {
      tooHigh: Math.max(0, root.scrollHeight - innerHeight),
      tooWide: Math.max(0, root.scrollWidth - innerWidth),
      sticksOut,
      composerIsInSight: top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth,
    };
  });
}

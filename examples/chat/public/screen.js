// A phone's keyboard may cover the page instead of making it smaller. The visible part is then the
// visual viewport, and the chat fills exactly that.
const seen = window.visualViewport;

function fit() {
  if (seen === null) return;
  const { style } = document.documentElement;
  const isCovered = seen.scale === 1 && innerHeight - seen.height > 1;
  if (isCovered) {
    style.setProperty('--seen-height', `${seen.height}px`);
    style.setProperty('--seen-top', `${seen.offsetTop}px`);
  } else {
    style.removeProperty('--seen-height');
    style.removeProperty('--seen-top');
  }
}

seen?.addEventListener('resize', fit);
seen?.addEventListener('scroll', fit);

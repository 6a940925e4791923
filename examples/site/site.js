// What the shop's pages do by themselves, faults included.
(() => {
  const part = document.querySelector('[data-late]');
  if (part) {
    const address = new URL(location.href);
    address.searchParams.set('part', 'late');
    setTimeout(async () => {
      const answer = await fetch(address);
      part.outerHTML = await answer.text();
    }, Number(part.dataset.late));
  }
  document.addEventListener('click', event => {
    const asleep = event.target.closest('[data-asleep]');
    if (asleep && !sessionStorage.getItem('woken')) {
      sessionStorage.setItem('woken', 'yes');
      event.preventDefault();
      event.stopImmediatePropagation();
    }
    const banner = event.target.closest('.banner button');
    if (banner) {
      document.cookie = 'banner=seen; path=/; SameSite=Lax';
      banner.closest('.banner').remove();
    }
  }, true);
  document.addEventListener('submit', event => {
    const question = event.target.dataset.ask;
    if (question && !confirm(question)) event.preventDefault();
  }, true);
  document.addEventListener('change', event => {
    const other = document.getElementById(event.target.dataset.forgets || '');
    if (other) other.value = '';
  });
})();

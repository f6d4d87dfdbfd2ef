// Before the first paint, so that a chosen theme does not flash. A file of its own: no inline script is allowed.
try {
  const theme = localStorage.getItem('atelier-theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch { /* storage may be switched off */ }

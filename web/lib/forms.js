// Bindings for form controls: html`<input ...${text(form, 'name')} />`.

export const text = (form, name) => ({ value: form[name] ?? '', onInput: (event) => { form[name] = event.target.value } })

/** An empty field is null: the server's default. */
export const number = (form, name) => ({
  type: 'number', value: form[name] ?? '',
  onInput: (event) => { form[name] = event.target.value === '' ? null : Number(event.target.value) },
})

export const choice = (form, name) => ({ value: form[name] ?? '', onChange: (event) => { form[name] = event.target.value } })

export const checked = (form, name) => ({
  type: 'checkbox', checked: Boolean(form[name]), onChange: (event) => { form[name] = event.target.checked },
})

let last = 0
/** An id for a control and its label, unique on the page. */
export const newId = (prefix = 'field') => `${prefix}-${++last}`

/** Without what is null, undefined or an empty object. */
export const given = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null && value !== undefined))

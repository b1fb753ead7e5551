/** Where the node wants to know who looks. */
import { useState } from 'preact/hooks'
import { heldToken } from './token.js'

export function SignIn({ why, onToken }: { why: string; onToken(token: string): void }) {
  const [token, type] = useState('')
  return (
    <form
      class="panel sign-in"
      data-test="sign-in"
      onSubmit={(event) => {
        event.preventDefault()
        onToken(token.trim())
      }}
    >
      <h2>Who are you?</h2>
      <p>{why}</p>
      <label>
        Token{' '}
        <input
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          value={token}
          onInput={({ currentTarget }) => type(currentTarget.value)}
        />
      </label>
      <button type="submit">Look</button>
      {heldToken() === '' ? null : (
        <button type="button" onClick={() => onToken('')}>
          Forget the token
        </button>
      )}
    </form>
  )
}

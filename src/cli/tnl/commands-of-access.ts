/** `tnl token …` and `tnl auth …`: who may what (docs/operations/access.md). Neither asks a node. */
import type { Command } from 'commander'
import { CLUSTER_VERBS, LOCK_VERBS } from '../../service/access/verbs.js'
import { addExamples, addExitStatuses, JSON_OPTION, oneOf } from './common-options.js'

/** What these commands do is loaded when one of them is called: it brings a reader of YAML along (scripts/bundle.js). */
export function addAccess(tnl: Command): void {
  const token = tnl.command('token').description('tokens, by which a node knows who asks')
  addExamples(token, 'tnl token new ci --out ./ci.token')
  const create = token.command('new <ID>')
  addExamples(create, 'tnl token new ci', 'tnl token new ci --out ./ci.token')
  addExitStatuses(create, '0 done; 2 bad usage; 3 the file is there already, or cannot be written.')
    .description('make a token for the identity ID of the auth file: it is shown once, with the line for the file')
    .option('--out <FILE>', 'write the token there, readable by its owner alone, instead of showing it')
    .option(...JSON_OPTION)
    .action(async (id: string, options: { readonly out?: string; readonly json?: boolean }) => {
      const { printNewToken } = await import('../access/new-token.js')
      printNewToken(id, options)
    })
  const auth = tnl.command('auth').description('the auth file of the nodes')
  addExamples(auth, 'tnl auth check auth.yml', 'tnl auth check auth.yml --identity ci --verb lock --name ci/build')
  const check = auth.command('check <FILE>')
  addExamples(
    check,
    'tnl auth check auth.yml',
    'tnl auth check auth.yml --identity ci --verb lock --name ci/build',
    "tnl auth check auth.yml --identity anonymous --verb see --prefix ''",
  )
  addExitStatuses(check, '0 the file is good, or yes; 1 no; 2 bad usage; 3 the file has mistakes, or cannot be read.')
    .description('whether a node would take FILE; who may what by it, or whether somebody may do one thing')
    .option('--identity <ID>', 'of whom; anonymous: whoever shows nothing (the default with --verb)')
    .option('--verb <VERB>', [...LOCK_VERBS, ...CLUSTER_VERBS].join(', '), oneOf(...LOCK_VERBS, ...CLUSTER_VERBS))
    .option('--name <KEY>', 'the lock that it is about')
    .option('--prefix <PREFIX>', 'all locks whose names begin so')
    .option(...JSON_OPTION)
    .action(async (file: string, options: object) => {
      const { checkAuth } = await import('../access/check.js')
      await checkAuth(file, options)
    })
}

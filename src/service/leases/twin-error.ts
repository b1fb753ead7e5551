import type { Epoch, NodeId } from '../../locks/commands/commands.js'

/** Two processes run as one node: neither can know what the other has told clients (rules.md rule 1). */
export class TwinError extends Error {
  override readonly name = 'TwinError'
  readonly code = 'TNL_TWIN'

  constructor(node: NodeId, epoch: Epoch) {
    super(`another process runs as node ${node} (epoch ${epoch}): a copied directory, or one volume mounted twice`)
  }
}

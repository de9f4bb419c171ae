// The people of the test cluster. Their tokens are known to kube-apiserver from its start; what they
// may do comes with the fixtures (fixtures.ts), except for the administrator.

export const tokens = {
  /** Everything (group system:masters). */
  admin: 'admin-token',
  /** The proxy's own account: get, list and watch on every resource, nothing else. */
  reader: 'reader-token',
  /** May ask what others may do (system:auth-delegator), nothing else. */
  reviewer: 'reviewer-token',
  /** May impersonate users, groups, uids and extras, nothing else. */
  impersonator: 'impersonator-token',
  /** May impersonate nodes, for what a kubelet does, by constrained impersonation (KEP-5284); nothing else. */
  nodeImpersonator: 'node-impersonator-token',
  /** get and list of pods and configmaps in namespace `a`. */
  alice: 'alice-token',
  /** watch of pods everywhere: may watch, may not list. */
  wanda: 'wanda-token',
  /** May read what tests name to her: the fixtures give her nothing. */
  nora: 'nora-token',
  /** Known, without any right. */
  nobody: 'nobody-token',
} as const;

export type User = keyof typeof tokens;

/** What kube-apiserver calls each of them. */
export const userNames: Readonly<Record<User, string>> = {
  admin: 'admin',
  reader: 'watershed-reader',
  reviewer: 'watershed-reviewer',
  impersonator: 'watershed-impersonator',
  nodeImpersonator: 'watershed-node-impersonator',
  alice: 'alice',
  wanda: 'wanda',
  nora: 'nora',
  nobody: 'nobody',
};

/** The text of the file for --token-auth-file: token,user,uid,"groups". */
export function tokenFile(): string {
  const rows = (Object.keys(tokens) as User[]).map((user) => {
    const groups = user === 'admin' ? ',"system:masters"' : '';
    return `${tokens[user]},${userNames[user]},uid-${user}${groups}`;
  });
  return `${rows.join('\n')}\n`;
}

/** The signature of one message by each secret, for the header `webhook-signature`. */
export async function signatureOf(
  secrets: readonly string[],
  { id, sentAt, body }: { readonly id: string; readonly sentAt: Date; readonly body: string },
): Promise<string> {
  const { Webhook } = await import("standardwebhooks");
  return secrets.map((secret) => new Webhook(secret).sign(id, sentAt, body)).join(" ");
}

/** For whoever receives webhooks: nothing here needs a raincheck, a router or a database. */
export { type VerifyOptions, type WebhookRequest, WebhookRefused, verifyWebhook } from "./webhooks/verify.ts";
export type { WebhookMessage, WebhookMessageOf } from "./webhooks/message.ts";

import type { AddressRules } from '../outbound/address-rules.ts';
import { readWebAddress } from '../outbound/web-address.ts';
import { asPictureError } from './picture-error.ts';

/**
 * Reads where a picture is said to be, or where an answer sends on to (then relative to `base`).
 *
 * @throws PictureError address-forbidden, as readWebAddress says
 */
export function readPictureAddress(text: string, rules: AddressRules, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (url?.protocol === 'data:' && base === undefined) return url;
  try {
    return readWebAddress(text, rules, base);
  } catch (error) {
    throw asPictureError(error);
  }
}

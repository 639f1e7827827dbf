/**
 * Published PDQ hashes, and the one published picture that comes as text: 26 × 28 pixels of a screenshot, in
 * python-threatexchange/threatexchange/tests/hashing/test_pdq_hasher.py of github.com/facebook/ThreatExchange (BSD
 * licence); here without its metadata, pixel for pixel.
 */
export const publishedPicture = Buffer.from(
  [
    'iVBORw0KGgoAAAANSUhEUgAAABoAAAAcCAIAAADwcTiEAAAACXBIWXMAABYlAAAWJQFJUiTwAAACo0lEQVRIx5VVPWgUQRT+3tzc',
    '7Z0xhyQxMSsBo6IEGzFFbEIkhdhY2QgJaJlWg41NsBYDVgYrRUwnYqmNoDYWEayCSDQSSLzL4QVi7se7ec9if7Kzu6eXxzLMzr73',
    'zbffe2+GSqUSbGuD3v/SbyrZL3uZUlNtNRSA4TwPOXy2x1weaE32tTUEaUZRuMofdf9b/sWWs9uOeIuACLK/0qvp2nDzzqnmQI7T',
    '4VpCi2vO0vdczXgQAMFn4GERxSIPZTA32rx9qpklseC2m+rGp8JKNZPKP8kuCCWIjPfx0wv1o45Pk95+rcx8LGzWY5tb9IJXQAEM',
    'KADBhOEWZHmiPlY0AMh99ntzTwCAFIRBKsGO/U8xn8i620Ovp+qDDhMe7ab9lMXo7vnszJnsySIpQq0lO02U6zzxshG6QGS8H6+m',
    'GhpGInDw4ch/PZbH8yuF6eM65Jpz6IiDE0UFI/tbAivbWFzVGmzXhGcsIIDl8bSFZZkfKOGfLa1mIuwS8l9y9dXRLDqZxU4A1IzY',
    '7BCFxs1znbFi7IKJhuFQzv1UEEFkrN/K8tLnxsKHRrlmQr0iNegT/Re7sT5LtYV39XKNbbe4xeAsGXtzFovybtsqoHR2RtClccir',
    'G3bJvkqmkuxkJtwICz+jS3JvqBuia1Vz+mElCa1h2BagK1uvtiOBUTiWAKRrEYH1qvEDySqKg6QiYj+qrdRA7Qt8QNvYYXBKLgjz',
    'G51OWnkwYq3Nb3TMbHABeKlIfpfOTZp+A3ijthL0nzKWjveGdxllSQcSpHVZvIztho3ecCIgmruY0f6eKdpxSpNZp45XKN7xifER',
    'dWvSUW6vAkv8MZyilGFIMApgxB+NuEX15Ho+p0Qtz+bdogIDRvwxnCR71nAwcrirW6Tl2fzgYQLwF45qj/pL3TAaAAAAAElFTkSu',
    'QmCC',
  ].join(''),
  'base64',
);

export const publishedPictureHash = 'ad64cd9875e131a177b1f2a0d6b38ae1de9ea80421e4c51dde1b0363deba3466';

/**
 * The photo of a bridge, whole and turned in seven ways, each turned picture hashed anew: pdq/python/pdqhashing/tests of the
 * same repository, in the order of the reference.
 */
export const publishedBridge = {
  original: 'd8f8f0cce0f4a84f0e370a22028f67f0b36e2ed596623e1d33e6b39c4e9c9b22',
  turned: [
    '38a50efd71c83f429013d68d0ffffc52e34e0e15ada952a9d29684214aa9e5af',
    '2dadda64b5a142e5d362209057da895ae63b8c7fc277b4b766b319361f893188',
    'a5f0a457248995e8c9065c275aaa54d8b61ba4bdf8fcfc0387c32f8b0bfc4f05',
    'd8f80f31e0f417b00e37f5dd028f980fb36ed12a9662c1e233e64c634e9c64dd',
    '0dad259bb1a1bd18d362576556da32a1e63b7380c2374b4866b3c6c91b89ce77',
    'f0a5e10271dcc0bd9c5309720fff018de34ef1e8ada9a956d2967ade1ea91a50',
    '69f05aa8a4996a17c146a2da5aaaab07b61b5b60f8fc07fc83c3d0740bfcb0fa',
  ],
} as const;

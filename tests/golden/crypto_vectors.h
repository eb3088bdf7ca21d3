/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Published test vectors in hexadecimal, each table with its source. */
#ifndef TESTS_GOLDEN_CRYPTO_VECTORS_H
#define TESTS_GOLDEN_CRYPTO_VECTORS_H

#include <stddef.h>

/* clang-format off */

/* BLAKE2s: testvectors/blake2-kat.json of the BLAKE2 authors. The input is 00 01 02..., the key 00..1f. */
static const struct {
	size_t input_len;
	const char *unkeyed;
	const char *keyed;
} blake2s_kat[] = {
	{ 0,
	  "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9",
	  "48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49" },
	{ 1,
	  "e34d74dbaf4ff4c6abd871cc220451d2ea2648846c7757fbaac82fe51ad64bea",
	  "40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1" },
	{ 2,
	  "ddad9ab15dac4549ba42f49d262496bef6c0bae1dd342a8808f8ea267c6e210c",
	  "6bb71300644cd3991b26ccd4d274acd1adeab8b1d7914546c1198bbe9fc9d803" },
	{ 3,
	  "e8f91c6ef232a041452ab0e149070cdd7dd1769e75b3a5921be37876c45c9900",
	  "1d220dbe2ee134661fdf6d9e74b41704710556f2f6e5a091b227697445dbea6b" },
	{ 31,
	  "aba4ad9b480b9df3d08ca5e87b0c2440d4e4ea21224c2eb42cbae469d089b931",
	  "b6156f72d380ee9ea6acd190464f2307a5c179ef01fd71f99f2d0f7a57360aea" },
	{ 32,
	  "05825607d7fdf2d82ef4c3c8c2aea961ad98d60edff7d018983e21204c0d93d1",
	  "c03bc642b20959cbe133a0303e0c1abff3e31ec8e1a328ec8565c36decff5265" },
	{ 33,
	  "a742f8b6af82d8a6ca2357c5f1cf91defbd066267d75c048b352366585025962",
	  "2c3e08176f760c6264c3a2cd66fec6c3d78de43fc192457b2a4a660a1e0eb22b" },
	{ 55,
	  "f4495470f226c8c214be08fdfad4bc4a2a9dbea9136a210df0d4b64929e6fc14",
	  "f16012d93f28851a1eb989f5d0b43f3f39ca73c9a62d5181bff237536bd348c3" },
	{ 56,
	  "e290dd270b467f34ab1c002d340fa016257ff19e5833fdbbf2cb401c3b2817de",
	  "2966b3cfae1e44ea996dc5d686cf25fa053fb6f67201b9e46eade85d0ad6b806" },
	{ 63,
	  "e57cb79487dd57902432b250733813bd96a84efce59f650fac26e6696aefafc3",
	  "c65382513f07460da39833cb666c5ed82e61b9e998f4b0c4287cee56c3cc9bcd" },
	{ 64,
	  "56f34e8b96557e90c1f24b52d0c89d51086acf1b00f634cf1dde9233b8eaaa3e",
	  "8975b0577fd35566d750b362b0897a26c399136df07bababbde6203ff2954ed4" },
	{ 65,
	  "1b53ee94aaf34e4b159d48de352c7f0661d0a40edff95a0b1639b4090e974472",
	  "21fe0ceb0052be7fb0f004187cacd7de67fa6eb0938d927677f2398c132317a8" },
	{ 66,
	  "05705e2a81757c14bd383ea98dda544eb10e6bc07bae435e2518dbe133525375",
	  "2ef73f3c26f12d93889f3c78b6a66c1d52b649dc9e856e2c172ea7c58ac2b5e3" },
	{ 127,
	  "f18417b39d617ab1c18fdf91ebd0fc6d5516bb34cf39364037bce81fa04cecb1",
	  "ddbfea75cc467882eb3483ce5e2e756a4f4701b76b445519e89f22d60fa86e06" },
	{ 128,
	  "1fa877de67259d19863a2a34bcc6962a2b25fcbf5cbecd7ede8f1fa36688a796",
	  "0c311f38c35a4fb90d651c289d486856cd1413df9b0677f53ece2cd9e477c60a" },
	{ 129,
	  "5bd169e67c82c2c2e98ef7008bdf261f2ddf30b1c00f9e7f275bb3e8a28dc9a2",
	  "46a73a8dd3e70f59d3942c01df599def783c9da82fd83222cd662b53dce7dbdf" },
	{ 191,
	  "d120b5ef6d57ebf06eaf96bc933c967b16cbe6e2bf00741c30aa1c54ba64801f",
	  "91a25ec0ec0d9a567f89c4bfe1a65a0e432d07064b4190e27dfb81901fd3139b" },
	{ 192,
	  "58d212ad6f58aef0f80116b441e57f6195bfef26b61463edec1183cdb04fe76d",
	  "5950d39a23e1545f301270aa1a12f2e6c453776e4d6355de425cc153f9818867" },
	{ 193,
	  "b8836f51d1e29bdfdba325565360268b8fad627473edecef7eaefee837c74003",
	  "d79f14720c610af179a3765d4b7c0968f977962dbf655b521272b6f1e194488e" },
	{ 254,
	  "c08aa1c286d709fdc7473744977188c895ba011014247e4efa8d07e78fec695c",
	  "db444c15597b5f1a03d1f9edd16e4a9f43a667cc275175dfa2b704e3bb1a9b83" },
	{ 255,
	  "f03f5789d3336b80d002d59fdf918bdb775b00956ed5528e86aa994acb38fe2d",
	  "3fb735061abc519dfe979e54c1ee5bfad0a9d858b3315bad34bde999efd724dd" },
};

/* HKDF over HMAC-BLAKE2s: device/kdf_test.go of wireguard-go. */
static const struct {
	const char *key; /* text; HMAC pads it with zeros */
	const char *input;
	const char *out[3];
} kdf_vectors[] = {
	{ "test-key", "test-input", {
	  "6f0e5ad38daba1bea8a0d213688736f19763239305e0f58aba697f9ffc41c633",
	  "df1194df20802a4fe594cde27e92991c8cae66c366e8106aaa937a55fa371e8a",
	  "fac6e2745a325f5dc5d11a5b165aad08b0ada28e7b4e666b7c077934a4d76c24" } },
	{ "wireguard", "wireguard", {
	  "491d43bbfdaa8750aaf535e334ecbfe5129967cd64635101c566d4caefda96e8",
	  "1e71a379baefd8a79aa4662212fcafe19a23e2b609a3db7d6bcba8f560e3d25f",
	  "31e1ae48bddfbe5de38f295e5452b1909a1b4e38e183926af3780b0c1e1f0160" } },
	{ "", "", {
	  "8387b46bf43eccfcf349552a095d8315c4055beb90208fb1be23b894bc2ed5d0",
	  "58a0e5f6faefccf4807bff1f05fa8a9217945762040bcec2f4b4a62bdfe0e86e",
	  "0ce6ea98ec548f8e281e93e32db65621c45eb18dc6f0a7ad94178610a2f7338e" } },
};

/* X25519: Wycheproof, x25519_test.json: known, edge-case and non-canonical values. */
static const struct {
	const char *private_key;
	const char *public_key;
	const char *shared;
} x25519_vectors[] = {
	{ "c8a9d5a91091ad851c668b0736c1c9a02936c0d3ad62670858088047ba057475",
	  "504a36999f489cd2fdbc08baff3d88fa00569ba986cba22548ffde80f9806829",
	  "436a2c040cf45fea9b29a0cb81b1f41458f863d0d61b453d0a982720d6d61320" }, /* 1 */
	{ "0016b62af5cabde8c40938ebf2108e05d27fa0533ed85d70015ad4ad39762d54",
	  "efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	  "b4d10e832714972f96bd3382e4d082a21a8333a16315b3ffb536061d2482360d" }, /* 87 */
	{ "d83650ba7cec115881916255e3fa5fa0d6b8dcf968731bd2c9d2aec3f561f649",
	  "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	  "515eac8f1ed0b00c70762322c3ef86716cd2c51fe77cec3d31b6388bc6eea336" }, /* 88 */
	{ "88dd14e2711ebd0b0026c651264ca965e7e3da5082789fbab7e24425e7b4377e",
	  "f1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	  "6919992d6a591e77b3f2bacbd74caf3aea4be4802b18b2bc07eb09ade3ad6662" }, /* 89 */
	{ "98c2b08cbac14e15953154e3b558d42bb1268a365b0ef2f22725129d8ac5cb7f",
	  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	  "9c034fcd8d3bf69964958c0105161fcb5d1ea5b8f8abb371491e42a7684c2322" }, /* 90 */
	{ "c0697b6f05e0f3433b44ea352f20508eb0623098a7770853af5ca09727340c4e",
	  "0200000000000000000000000000000000000000000000000000000000000080",
	  "ed18b06da512cab63f22d2d51d77d99facd3c4502e4abf4e97b094c20a9ddf10" }, /* 91 */
	{ "18422b58a18e0f4519b7a887b8cfb649e0bfe4b34d75963350a9944e5b7f5b7e",
	  "0300000000000000000000000000000000000000000000000000000000000080",
	  "448ce410fffc7e6149c5abec0ad5f3607dfde8a34e2ac3243c3009176168b432" }, /* 92 */
	{ "20620d82487707bedf9ee3549e95cb9390d2618f50cf6acba47ffaa103224a6f",
	  "0400000000000000000000000000000000000000000000000000000000000080",
	  "03a633df01480d0d5048d92f51b20dc1d11f73e9515c699429b90a4f6903122a" }, /* 93 */
	{ "285a6a7ceeb7122f2c78d99c53b2a902b490892f7dff326f89d12673c3101b53",
	  "daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	  "9b01287717d72f4cfb583ec85f8f936849b17d978dbae7b837db56a62f100a68" }, /* 94 */
	{ "c8e0330ae9dceeff887fba761225879a4bd2e0db08799244136e4721b2c88970",
	  "dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	  "dfe60831c9f4f96c816e51048804dbdc27795d760eced75ef575cbe3b464054b" }, /* 95 */
	{ "10db6210fc1fb13382472fa1787b004b5d11868ab3a79510e0cee30f4a6df26b",
	  "dcffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	  "50bfa826ca77036dd2bbfd092c3f78e2e4a1f980d7c8e78f2f14dca3cce5cc3c" }, /* 96 */
	{ "9041c6e044a277df8466275ca8b5ee0da7bc028648054ade5c592add3057474e",
	  "eaffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	  "13da5695a4c206115409b5277a934782fe985fa050bc902cba5616f9156fe277" }, /* 97 */
	{ "b8d499041a6713c0f6f876db7406587fdb44582f9542356ae89cfa958a34d266",
	  "ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	  "63483b5d69236c63cddbed33d8e22baecc2b0ccf886598e863c844d2bf256704" }, /* 98 */
	{ "c85f08e60c845f82099141a66dc4583d2b1040462c544d33d0453b20b1a6377e",
	  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	  "e9db74bc88d0d9bf046ddd13f943bccbe6dbb47d49323f8dfeedc4a694991a3c" }, /* 99 */
	{ "a046e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449a44",
	  "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
	  "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" }, /* 100 */
	{ "4866e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba4d",
	  "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a413",
	  "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957" }, /* 101 */
	{ "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
	  "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
	  "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" }, /* 102 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "b7b6d39c765cb60c0c8542f4f3952ffb51d3002d4aeb9f8ff988b192043e6d0a",
	  "0200000000000000000000000000000000000000000000000000000000000000" }, /* 103 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "3b18df1e50b899ebd588c3161cbd3bf98ebcc2c1f7df53b811bd0e91b4d5153d",
	  "0900000000000000000000000000000000000000000000000000000000000000" }, /* 104 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "cab6f9e7d8ce00dfcea9bbd8f069ef7fb2ac504abf83b87db601b5ae0a7f7615",
	  "1000000000000000000000000000000000000000000000000000000000000000" }, /* 105 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "4977d0d897e1ba566590f60f2eb0db6f7b24c13d436918ccfd32708dfad7e247",
	  "feffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff3f" }, /* 106 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "98730bc03e29e8b057fb1d20ef8c0bffc822485d3db7f45f4e3cc2c3c6d1d14c",
	  "fcffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff3f" }, /* 107 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "97b4fff682df7f096cd1756569e252db482d45406a3198a1aff282a5da474c49",
	  "f9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff3f" }, /* 108 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "317781b0163bae74accc06c0d44ef9a911a22b0d37faf7726621591f9343ea2f",
	  "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff3f" }, /* 109 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "7e26f8f24cb590027f9d1bc49b0e1a242c7d8f43624d3e8fab28ee08e02cb45e",
	  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff03" }, /* 110 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "e96d2780e5469a74620ab5aa2f62151d140c473320dbe1b028f1a48f8e76f95f",
	  "e5ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" }, /* 111 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "8d612c5831aa64b057300e7e310f3aa332af34066fefcab2b089c9592878f832",
	  "e3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" }, /* 112 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "8d44108d05d940d3dfe5647ea7a87be24d0d036c9f0a95a2386b839e7b7bf145",
	  "ddffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" }, /* 113 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "21a35d5db1b6237c739b56345a930aeee373cdcfb4701266782a8ac594913b29",
	  "dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" }, /* 114 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "3e5efb63c352ce942762482bc9337a5d35ba55664743ac5e93d11f957336cb10",
	  "0000000000000000000000000000000000000000000000000000000000000002" }, /* 115 */
	{ "60a3a4f130b98a5be4b1cedb7cb85584a3520e142d474dc9ccb909a073a9767f",
	  "8e41f05ea3c76572be104ad8788e970863c6e2ca3daae64d1c2f46decfffa571",
	  "0000000000000000000000000000000000000000000000000000000000008000" }, /* 116 */
	{ "a023cdd083ef5bb82f10d62e59e15a6800000000000000000000000000000050",
	  "6c05871352a451dbe182ed5e6ba554f2034456ffe041a054ff9cc56b8e946376",
	  "6c05871352a451dbe182ed5e6ba554f2034456ffe041a054ff9cc56b8e946376" }, /* 511 */
	{ "4855555555555555555555555555555555555555555555555555555555555555",
	  "3e3e7708ef72a6dd78d858025089765b1c30a19715ac19e8d917067d208e0666",
	  "63ef7d1c586476ec78bb7f747e321e01102166bf967a9ea9ba9741f49d439510" }, /* 513 */
	{ "4855555555555555555555555555555555555555555555555555555555555555",
	  "9f40bb30f68ab67b1c4b8b664982fdab04ff385cd850deac732f7fb705e6013a",
	  "8b98ef4d6bf30df7f88e58d51505d37ed6845a969fe598747c033dcd08014065" }, /* 514 */
	{ "4855555555555555555555555555555555555555555555555555555555555555",
	  "be3b3edeffaf83c54ae526379b23dd79f1cb41446e3687fef347eb9b5f0dc308",
	  "cfa83e098829fe82fd4c14355f70829015219942c01e2b85bdd9ac4889ec2921" }, /* 515 */
	{ "b8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa6a",
	  "3e3e7708ef72a6dd78d858025089765b1c30a19715ac19e8d917067d208e0666",
	  "4782036d6b136ca44a2fd7674d8afb0169943230ac8eab5160a212376c06d778" }, /* 516 */
	{ "b8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa6a",
	  "9f40bb30f68ab67b1c4b8b664982fdab04ff385cd850deac732f7fb705e6013a",
	  "65fc1e7453a3f8c7ebcd577ade4b8efe1035efc181ab3bdb2fcc7484cbcf1e4e" }, /* 517 */
	{ "b8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa6a",
	  "be3b3edeffaf83c54ae526379b23dd79f1cb41446e3687fef347eb9b5f0dc308",
	  "e3c649beae7cc4a0698d519a0a61932ee5493cbb590dbe14db0274cc8611f914" }, /* 518 */
};

/* Public keys whose shared secret is zero whatever the private key: from the same file. */
static const char *const x25519_low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

/*
 * ChaCha20-Poly1305 whose nonce starts with four zero bytes: RFC 8439 A.5 (first), and all such
 * ones of Wycheproof, chacha20_poly1305_test.json.
 */
static const struct {
	const char *key;
	const char *nonce_tail; /* the last 8 of 12 bytes */
	const char *ad;
	const char *plain;
	const char *sealed;
} aead_vectors[] = {
	{
		"1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
		"0102030405060708",
		"f33388860000000000004e91",
		"496e7465726e65742d4472616674732061726520647261667420646f63756d656e7473207661"
		"6c696420666f722061206d6178696d756d206f6620736978206d6f6e74687320616e64206d61"
		"7920626520757064617465642c207265706c616365642c206f72206f62736f6c657465642062"
		"79206f7468657220646f63756d656e747320617420616e792074696d652e2049742069732069"
		"6e617070726f70726961746520746f2075736520496e7465726e65742d447261667473206173"
		"207265666572656e6365206d6174657269616c206f7220746f2063697465207468656d206f74"
		"686572207468616e206173202fe2809c776f726b20696e2070726f67726573732e2fe2809d",
		"64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d"
		"43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84a"
		"bd0b948114ad176e008d33bd60f982b1ff37c8559797a06ef4f0ef61c186324e2b3506383606"
		"907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e99040c5a40433225e"
		"e282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548"
		"271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d9"
		"1d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709bee"
		"ad9d67890cbb22392336fea1851f38",
	},
	{
		"9de836aa579585081f330a7c4036e20e38ef15eff3945184d231867f505fffdf",
		"101112130bc672c3",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"3619cb470af86dceceb6940f2d9abb34c9a9131476053387445ffebbe240d4f9818377855652"
		"f46a8219c7f71c3554f8acef8258de4b7d17c0f3d353ac981cc6a13287be1e6b41dc6d133df4"
		"ababebdf43d665ce7a4a5c982a0b139cb8202eebc74173e3224a440e4c37d2b595f384290e93"
		"9ba016df0d49b36cdb4bd91c39",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffff133fe62391744d11ce44594b96c53baf",
	},
	{
		"9de836aa579585081f330a7c4036e20e38ef15eff3945184d231867f505fffdf",
		"1011121303e9b9a4",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"af205bda819f7451be0f28667d4b01b59ff2daa8173cab52046c3c9e0d989889c5e021ef7afd"
		"06e9ce6cc30e3a6ebab509134ba10d10e570c55587c13eee53e73be54804c8539ffbf23b3592"
		"2b1ca37b9e9bc24ee204837ca5a294ce05d12600c7eff6aee32270db2feff47dc5a04176169e"
		"15850628e6035f78994f9f5603",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffe3451adb9d23a7710a1aafba26f56387",
	},
	{
		"9de836aa579585081f330a7c4036e20e38ef15eff3945184d231867f505fffdf",
		"101112130700b982",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"68c67272036fb652a0182eeb4781358e4704a4a702fd731bf3b3ea994717989e7d9104e0ae81"
		"732a8c7e9a82b3d31d541761a366b67c3396f1a6c67e293ddb65a59e42541dda144dc6c78388"
		"cfca982e23350958ac5b3d54a1722fd64733577862e1879c9e9445ebdec5315d1706db7ebbed"
		"d4c779935e72057e5b0ecde081",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffb0bb8a55ff5f52a5043c6e7795847557",
	},
	{
		"9de836aa579585081f330a7c4036e20e38ef15eff3945184d231867f505fffdf",
		"10111213019836bb",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"c483b7334ebe2e879b0c3f9db4fcd9f5219062360d6ce44cdae0f94e04c8345ea7e3ae338551"
		"18741dcafe0de4ae98c4e43af7b12b04ee8ab175625823ac040e5abac4403f1d45238adcb8c0"
		"cf44bd56917f9f5d93974c82b56951986a9c0450bd9047b5a616e814526ad0580e3ecd8189c9"
		"fef2cdb979a22ad3a01930fbd1",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"fffffffffffffffffffffffffff4fc25f4c5543a9afee9819e2904fb68",
	},
	{
		"9de836aa579585081f330a7c4036e20e38ef15eff3945184d231867f505fffdf",
		"101112131d59f288",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"bc7f4f15fd1e4c1399740836670abe39a05707be19956ce169b32321759e0f213ae19ad34aa6"
		"12b3a29f02c4bbac9f785a55a3adfe419ab891bbe0acee9921322ea21002c9dd3dcdd13a7f85"
		"54dddc10f9b529ce94be7050937dab76557b7eb17c685aad8f0797e39d62553988989aab1d97"
		"64fe431cc1d4c595062ce93ce9",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffff5e67a7b8733e0e4b01ac2178a205ae7e",
	},
	{
		"9de836aa579585081f330a7c4036e20e38ef15eff3945184d231867f505fffdf",
		"101112130552a411",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eaccaa778935ef249e0900149dd889462d2a061486ba102b8caebe465f3959fb3119ebb56896"
		"76ffdd6d851a26739e772b54a2f5f473ea9c7e58ccbc4cfc953e8c420b2175d9dd519265630b"
		"b79bd87a601b113231a8b16ce54c331347ec04c2b1c9160f38207aa46e96feb06dee883eb422"
		"fa14908df300bb1a1ef758c408",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffff177a77fce114a4349c4f8d5ec825d06f",
	},
	{
		"9de836aa579585081f330a7c4036e20e38ef15eff3945184d231867f505fffdf",
		"101112130c807a72",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"a76c330e015060a17e64cb7b6d753f201f75be8759fd7539fb92b22aef54c9d3029dba0c15cb"
		"f7c95135888319c6b2e6276da21e0c351fd522b29aabb5883a3291d6f427de773b124390ef6f"
		"d96621ffbc42dfbf7a34da272cbc9ccb1a498d078033d1ac3bf7e92715948b06d69d5c5039e9"
		"164ba9c3a02219ec5908206b3b",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffff623c7d4424f5497aedfd1339cf8cecce",
	},
	{
		"9de836aa579585081f330a7c4036e20e38ef15eff3945184d231867f505fffdf",
		"101112130397a143",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"228a7e15bcce13051de9145f77f7f4ff7921828b4f99efc4ff55ee0d9344955b69ec2d4798b0"
		"517f0273c4456ae5ffc5929cbe74ddb0da51d4f2b4df7578a31240c88ae922c3c5eca7b97d72"
		"d497062050a587447c562b343d5c71921944872f9fd06b8f34b3eb5d4341f5ff8a907dd7c2e1"
		"676b81252726ba54814da51eab",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffff1c18b69354b189731a1a83fe8f0d57c9",
	},
	{
		"9de836aa579585081f330a7c4036e20e38ef15eff3945184d231867f505fffdf",
		"1011121308cb0f3f",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"c7d843188ab193dfef5c4daf583f952cd4b195f240fa2e704d021723023c123371a41e87dfc6"
		"e6c3874a42f331cf035988a38c72ba2da854b1208f98bf8cc29948169481ab3a402d5fcc7ff7"
		"8f9e31925576dc3938074b8c5b27960e3afc750ad686563688b7441787288d5256c1301d563b"
		"7744843bd1ab4eff5be6f1653d",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffff2045815b8211b9a2995effe0b8ed9868",
	},
	{
		"9de836aa579585081f330a7c4036e20e38ef15eff3945184d231867f505fffdf",
		"101112130d8fcf4e",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"cfc3db8631c81c69023a3c8a9ad66c35053685144c4fa2a9510add72e211dad9ca5b982e4c19"
		"4591fdb74116280311d1299ad81227258cb52f079bbcb12aff161d278dec33a326d71276b3de"
		"01a8327ee7f45f94179dff18a3fe643e56c30cfd03871c8110ab00f6612b9e17a4647360d784"
		"7bb63a3122613c2e7cdddd08ae",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		"ffffffffffffffffffffffffff1ae2ed84ea9774d78d782bf8d972a8b8",
	},
};

/* XChaCha20-Poly1305: draft-irtf-cfrg-xchacha-03, A.3.1. */
static const struct {
	const char *key;
	const char *nonce;
	const char *ad;
	const char *plain;
	const char *sealed;
} xaead_vector = {
	"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	"404142434445464748494a4b4c4d4e4f5051525354555657",
	"50515253c0c1c2c3c4c5c6c7",
	"4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f662027"
	"39393a204966204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020"
	"666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069742e",
	"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4a"
	"a6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b9"
	"82c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52e"
	"c0875924c1c7987947deafd8780acf49",
};

#endif

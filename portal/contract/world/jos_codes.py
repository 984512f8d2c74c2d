"""The gateway's error codes with words of our own; clients go by the number (docs/jd.md, "Codes")."""

CODES: dict[str, tuple[str, str]] = {
    "1": ("服务暂时不可用", "Service is not available at the moment"),
    "2": ("应用调用次数已达上限", "The call limit of the app is reached"),
    "3": ("禁止调用", "The call is forbidden"),
    "4": ("缺少版本参数", "The version is missing"),
    "5": ("不支持的版本", "The version is not supported"),
    "6": ("版本参数格式错误", "The version cannot be read"),
    "7": ("缺少时间戳", "The timestamp is missing"),
    "8": ("时间戳无效或超出允许范围", "The timestamp cannot be read or is too far off"),
    "11": ("缺少签名", "The signature is missing"),
    "12": ("签名无效", "The signature is wrong"),
    "13": ("数据格式参数无效", "The format is not known"),
    "14": ("缺少方法名", "The method is missing"),
    "15": ("方法不存在", "The method is not known"),
    "18": ("缺少访问令牌", "The access token is missing"),
    "19": ("访问令牌无效或已过期", "The access token is not valid any more"),
    "20": ("缺少应用标识", "The app key is missing"),
    "21": ("应用标识无效", "The app key is not known"),
    "22": ("授权账号不是商家", "The authorising account is not a seller"),
    "24": ("应用没有该接口权限", "The app has no right to this method"),
    "25": ("应用未上线", "The app is not online"),
    "33": ("系统超时", "The system took too long"),
    "43": ("系统处理错误", "The system failed"),
    "50": ("非法调用", "The call is not allowed this way"),
    "60": ("参数缺失", "A parameter is missing"),
    "61": ("参数错误", "A parameter is wrong"),
    "62": ("参数无法转换", "The parameters cannot be converted"),
    "63": ("参数不是合法的JSON", "The parameters are not JSON"),
    "64": ("商家类型不允许调用", "The type of the seller does not allow this call"),
    "65": ("后端服务超时", "The service behind the gateway took too long"),
    "66": ("后端服务不可用", "The service behind the gateway is not available"),
    "67": ("后端服务未知异常", "The service behind the gateway failed"),
    "71": ("该编号不属于此商家", "This id does not belong to the seller"),
    "72": ("商家类型不匹配", "The type of the seller does not match"),
    "73": ("该接口只能在云鼎内调用", "This method can be called from the remote's cloud only"),
    "74": ("IP不在白名单", "The address is not on the white list"),
    "92": ("测试应用已到期", "The test app is too old"),
    "2001": ("权限等级不足", "The permission level is too low"),
    "11100006": ("店铺未开通", "The shop is not open"),
}
OF_FAULT = {"busy": "1", "rate": "2", "quota": "2", "clock": "8", "token": "19", "error200": "43"}


def described(code: str) -> tuple[str, str]:
    """The Chinese and the English words of a code."""
    return CODES.get(code, ("未知错误", "Unknown error"))
